/*
 * Amnesia: is what 2f + 1 replicas said to have on disk kept, even if all machines lose power, and is nothing else lost
 * silently?
 *
 * Models `durability = fsync` (DESIGN section 5) for one sequence number: votes that leave before they are on disk, power
 * losses that take what was not synced, replicas that are amnesic after that, SYNCED, batches learned from others, marked
 * VIEW-CHANGEs, and log incarnations, by which votes are counted. The choice of a NEW-VIEW is the one of view-change.pml.
 *
 * Configuration: f = 1, three correct replicas and one liar, two batches and null, views 0 and 1. With SITE all machines
 * lose power at once, at any moment; else the first LOSERS correct replicas do, each on its own; with TWICE the first one
 * does LOSERS times. LEARNERS is a set of correct replicas, a bit each, that may learn once. TWO_BATCHES leaves null out:
 * where B holds anything may be proposed anyway, so it differs from a batch in nothing but its name. THIRD_VIEW adds the
 * VIEW-CHANGEs for view 2 and what they lead to, but no votes in it. With ONE_AT_FIRST only one batch is proposed in view 0.
 *
 * Messages are never lost and never consumed, as in view-change.pml; votes and statements survive the power loss of their
 * sender. The liar votes for everything, says SYNCED to everything, claims any P, Q, incarnation and amnesia in its
 * VIEW-CHANGEs, names any view for what was committed, and leads every view: it may show each replica another NEW-VIEW.
 *
 * Left out: the other way out of amnesia (a stable checkpoint at or above the vote ceiling), other numbers, and what
 * view-change.pml leaves out.
 *
 * Planted faults: ACKED_WEAK, SYNCED_TOO_EARLY, AMNESIC_VOTES, UNMARKED (amnesic replicas don't mark their VIEW-CHANGEs),
 * BALLOTS_UNBOUND (votes don't name the incarnation), LEARNED_IS_DURABLE (SYNCED covers what was learned as soon as it is on
 * disk), NAMED_IS_DURABLE (or if anybody named the present view for it), HEARSAY_NAMED (statements name the view under which
 * a learned batch stands in P, which may be a liar's word), NOTHING_REMEMBERED (the only prepared batch is not taken when an
 * incarnation opens: one that one replica prepared and the others forgot has one Q entry, too few for A2, and its P entry is
 * one too many for B). WITNESS claims that an acknowledged batch is not proposed again under a new incarnation, which the
 * search has to refute.
 */

#ifdef THIRD_VIEW
#define VIEWS 3
#else
#define VIEWS 2
#endif
#define VOTED 2 /* the views in which there are votes */
#ifndef LOSERS
#define LOSERS 2
#endif
#ifdef TWICE
#define LOSER(process) 0
#else
#define LOSER(process) process
#endif
#ifndef LEARNERS
#define LEARNERS 7
#endif
#define LEARNS(me) ((LEARNERS >> me) & 1)
#ifndef NOTHING_REMEMBERED
#define REMEMBERED
#endif
#include "choice.pml"

#ifdef ACKED_WEAK
#define ACKED_QUORUM WEAK
#else
#define ACKED_QUORUM STRONG
#endif
#ifdef AMNESIC_VOTES
#define MAY_VOTE(me) true
#else
#define MAY_VOTE(me) (!amnesic[me])
#endif

#ifdef BALLOTS_UNBOUND
#define SAME_BALLOT(one, other) (one)
#else
#define SAME_BALLOT(one, other) (one == other)
#endif

#define SENT_COMMIT(i, v, value, incarnation) \
  ((commits[AT(i, v)] & (1 << value)) && SAME_BALLOT(under[AT(i, v)], incarnation + 1))

#define ALLOWED(v, r) allowed[(v) * VIEWS + (r)]

bool entered[REPLICAS];           /* its view began for it */
byte onDisk[REPLICAS];            /* how much of what it logged since its view began is surely on disk; see lose_power */
bool amnesic[REPLICAS];
byte prepares[REPLICAS * VIEWS];  /* AT: what it ever sent PREPARE for in the view, a bit each */
byte commits[REPLICAS * VIEWS];   /* AT: and COMMIT */
byte under[REPLICAS * VIEWS];     /* AT: one more than the incarnation under which it entered the view; 0 if it did not */
byte learnedUnder[REPLICAS];      /* the incarnation in which it learned */
byte marked[VIEWS];               /* whose VIEW-CHANGE for the view says amnesic, a bit each */
byte allowed[VIEWS * VIEWS];      /* ALLOWED: what NEW-VIEWs of a view and an incarnation may propose, a bit each */
byte synced[VIEWS];               /* per incarnation: who said SYNCED */
byte syncedIn[VIEWS];             /* per incarnation: the last view whose commit such a statement relied on */
byte acknowledged;                /* the batch that an fsync vouched for */
byte acknowledgedIn;              /* the last view in which a replica was that said SYNCED then */
byte acknowledgedFrom;            /* the first one that had committed it */

byte r, highest, last, j;

#include "incarnation.pml"

/* Whether a batch was committed in a view and an incarnation: 2f + 1 sent COMMIT for both, one of them the liar. */
inline count_commits(v, value, incarnation) {
  count = 1;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: SENT_COMMIT(i, v, value, incarnation) -> count++
    :: else
    fi
  }
}

inline check() {
  for (w : 0 .. VOTED - 1) {
    for (r : 0 .. w) {
      for (d : FIRST .. LAST) {
        count_commits(w, d, r);
        if
        :: count >= STRONG ->
          /* Agreement within a view, whatever was forgotten. */
          for (batch : FIRST .. LAST) {
            for (highest : 0 .. w) {
              if
              :: batch != d -> count_commits(w, batch, highest); assert(count < STRONG)
              :: else
              fi
            }
          }
          assert(acknowledged == NONE || w < acknowledgedFrom || acknowledged == d);
          for (pView : w + 1 .. VOTED - 1) {
            for (i : 0 .. REPLICAS - 1) {
              for (j : 0 .. REPLICAS - 1) {
                /* Later views of the incarnation in which a replica delivered it propose nothing else. */
                assert(!(commits[AT(j, w)] & (1 << d)) || under[AT(j, w)] != r + 1 || under[AT(i, pView)] != r + 1
                  || (prepares[AT(i, pView)] & ~(1 << d)) == 0)
              }
            }
          }
        :: else
        fi
      }
    }
    /* What was acknowledged is all that later views propose, under whatever incarnation. */
    for (i : 0 .. REPLICAS - 1) {
      assert(acknowledged == NONE || w <= acknowledgedIn || (prepares[AT(i, w)] & ~(1 << acknowledged)) == 0);
#ifdef WITNESS
      assert(acknowledged == NONE || w <= acknowledgedIn || prepares[AT(i, w)] == 0 || under[AT(i, w)] != w + 1);
#endif
    }
  }
#ifdef THIRD_VIEW
  for (r : 0 .. VIEWS - 1) {
    assert(acknowledged == NONE || (ALLOWED(VIEWS - 1, r) & ~(1 << acknowledged)) == 0)
  }
#endif
}

#ifdef THIRD_VIEW
#define CHECK_CHOICE check()
#else
#define CHECK_CHOICE skip
#endif

bool firstUsed;
#define NAMED(value) (value != SECOND || firstUsed)
#define CAN_ENTER(me, v) (v > view[me] || !entered[me])
#define COMMITS(replica) ((commits[AT(replica, 0)] | commits[AT(replica, 1)]) != 0)
#define NOW(me) (2 * view[me] + entered[me])
#define RECORDS(me) (learned[me] != NONE && learnedAt[me] == NOW(me) -> 3 \
  : (prepared[AT(me, view[me])] -> 2 : (proposal[AT(me, view[me])] != NONE -> 1 : 0)))
#define LEARNED_IN(me, incarnation) (learned[me] != NONE && learnedUnder[me] == incarnation)
#ifdef HEARSAY_NAMED
#define NAMED_VIEW(me) learnedView[me]
#else
#define NAMED_VIEW(me) committedView[me]
#endif
#ifdef LEARNED_IS_DURABLE
#define DURABLE(me) true
#else
#ifdef NAMED_IS_DURABLE
#define DURABLE(me) (view[me] == 0 || TOLD_OF_LEARNED(me, view[me]) || learnedView[me] == view[me])
#else
#define DURABLE(me) (view[me] == 0 || TOLD_OF_LEARNED(me, view[me]) \
  || (learnedView[me] == view[me] && committedView[me] >= view[me]))
#endif
#endif
#define ENDS_AMNESIA(v, incarnation) (v > 0 && incarnation == v)

inline pre_prepare(v, value, incarnation) {
  derive_incarnation(me, VIEWS);
  if
  :: (ALLOWED(v, incarnation) & (1 << value)) && NAMED(value) && proposal[AT(me, v)] == NONE ->
    if
    :: CAN_ENTER(me, v) && (MAY_VOTE(me) || ENDS_AMNESIA(v, incarnation)) ->
      /* Enters the view, which is synced at once. */
      view[me] = v; entered[me] = true; onDisk[me] = 0; under[AT(me, v)] = incarnation + 1;
      amnesic[me] = amnesic[me] && !ENDS_AMNESIA(v, incarnation);
      if
      :: incarnation == r && LEARNED_IN(me, r) && learned[me] != value && committedView[me] >= v ->
        /* It heard that another batch was committed here before it heard of the view. */
        learnedView[me] = v
      :: else -> last = 1
      fi
    :: (!CAN_ENTER(me, v) && v == view[me] && MAY_VOTE(me) && under[AT(me, v)] == incarnation + 1
        && (learned[me] == NONE || learnedAt[me] != NOW(me))) -> last = 1
    :: else
    fi;
    if
    :: last ->
      firstUsed = firstUsed || value == FIRST;
      proposal[AT(me, v)] = value;
      prepares[AT(me, v)] = prepares[AT(me, v)] | (1 << value);
      check()
    :: else
    fi
  :: else
  fi
}

inline prepare(v) {
  d = proposal[AT(me, v)];
  count = 1;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: (prepares[AT(i, v)] & (1 << d)) && SAME_BALLOT(under[AT(i, v)], under[AT(me, v)]) -> count++
    :: else
    fi
  }
  if
  :: count >= STRONG && !(LEARNED_IN(me, under[AT(me, v)] - 1) && learned[me] != d) ->
    prepared[AT(me, v)] = true; commits[AT(me, v)] = commits[AT(me, v)] | (1 << d); check()
  :: else
  fi
}

/*
 * Learns from a correct replica and another one. The correct one names a view in which it prepared the batch, if it was
 * committed by then; or, if it learned itself, the lowest view that it was told.
 */
inline learn(value, named, other) {
  derive_incarnation(me, VIEWS);
  for (w : 0 .. named) {
    count_commits(w, value, r);
    last = last || count >= STRONG
  }
  highest = 0;
  for (i : 0 .. REPLICAS - 1) {
    highest = highest || SENT_COMMIT(i, named, value, r)
  }
  last = last && highest;
  for (i : 0 .. REPLICAS - 1) {
    last = last || (LEARNED_IN(i, r) && learned[i] == value && NAMED_VIEW(i) == named)
  }
  if
  :: last && !(synced[r] & (1 << me)) ->
    learnedUnder[me] = r; note_learned(value, named, other, entered[me])
  :: else
  fi
}

/*
 * If it delivered under the incarnation that it is in, syncs the log and says SYNCED: once its view has begun, and only if its
 * VIEW-CHANGE told of the batch, or it is prepared in this view.
 */
inline say_synced() {
  derive_incarnation(me, VIEWS);
  last = NONE;
  for (w : 0 .. view[me]) {
    if
    :: prepared[AT(me, w)] && under[AT(me, w)] == r + 1 ->
      count_commits(w, proposal[AT(me, w)], r);
      if
      :: count >= STRONG -> last = proposal[AT(me, w)]
      :: else
      fi
    :: else
    fi
  }
  highest = 0;
  for (i : 0 .. REPLICAS - 1) {
    highest = highest || (SENT_COMMIT(i, view[me], learned[me], r) && (i != me || prepared[AT(me, view[me])]))
  }
  if
  :: highest && LEARNED_IN(me, r) && !DURABLE(me) ->
    /* Others, or itself, prepared what it learned in this view; so it stands there in P and Q now. */
    learnedAt[me] = NOW(me); learnedView[me] = view[me]; committedView[me] = view[me]
  :: else
  fi;
  if
  :: LEARNED_IN(me, r) && DURABLE(me) -> last = learned[me]
  :: else
  fi;
  if
  :: last != NONE ->
#ifndef SYNCED_TOO_EARLY
    onDisk[me] = RECORDS(me);
#endif
    synced[r] = synced[r] | (1 << me);
    syncedIn[r] = (view[me] > syncedIn[r] -> view[me] : syncedIn[r]);
    count = 1 + (synced[r] & 1) + ((synced[r] >> 1) & 1) + ((synced[r] >> 2) & 1);
    if
    :: count >= ACKED_QUORUM && acknowledged == NONE ->
      acknowledged = last; acknowledgedIn = syncedIn[r]; acknowledgedFrom = VIEWS;
      for (w : 0 .. VOTED - 1) {
        count_commits(w, last, r);
        if
        :: count >= STRONG && w < acknowledgedFrom -> acknowledgedFrom = w
        :: else
        fi
      }
      check()
    :: else
    fi
  :: else
  fi
}

/*
 * Of what is not surely on disk the log's end is lost. Since its view began, that is with the entry on disk, a replica logs
 * first the proposal, then that it is prepared, then what it learned: kept_records says how many of them are there.
 */
inline lose_power(who, kept_records) {
  last = (onDisk[who] > kept_records -> onDisk[who] : kept_records);
  if
  :: last < 3 && learned[who] != NONE && learnedAt[who] == NOW(who) ->
    learned[who] = NONE; learnedAt[who] = 0; learnedView[who] = 0; committedView[who] = 0; learnedUnder[who] = 0
  :: else
  fi;
  if
  :: last < 2 -> prepared[AT(who, view[who])] = false
  :: else
  fi;
  if
  :: last < 1 -> proposal[AT(who, view[who])] = NONE
  :: else
  fi;
  onDisk[who] = RECORDS(who);
  amnesic[who] = true;
  last = 0
}

inline clear() {
  forget(); r = 0; highest = 0; last = 0; j = 0
}

proctype Replica(byte me) {
  byte v, value, incarnation;  /* the last is a view that is named, where it learns */
end:
  do
  :: atomic {
      view[me] < VIEWS - 1 ->
      select(v : view[me] + 1 .. VIEWS - 1);
      d_step {
        /* Its VIEW-CHANGE, and all before it in the log, is synced before it leaves. */
        view[me] = v; entered[me] = false; onDisk[me] = 0;
        changed[v] = changed[v] | (1 << me);
#ifndef UNMARKED
        if
        :: amnesic[me] -> marked[v] = marked[v] | (1 << me)
        :: else
        fi;
#endif
        choose_all(v); CHECK_CHOICE; clear(); v = 0
      }
    }
  :: atomic {
      view[me] < VOTED && proposal[AT(me, VOTED - 1)] == NONE ->
      select(v : view[me] .. VOTED - 1);
      select(value : FIRST .. LAST);
      select(incarnation : 0 .. v);
      d_step { pre_prepare(v, value, incarnation); clear(); v = 0; value = 0; incarnation = 0 }
    }
  :: d_step {
      entered[me] && MAY_VOTE(me) && proposal[AT(me, view[me])] != NONE && !prepared[AT(me, view[me])] ->
      prepare(view[me]); clear()
    }
  :: atomic {
      LEARNS(me) && learned[me] == NONE && COMMITS(0) + COMMITS(1) + COMMITS(2) + 1 >= STRONG ->
      select(value : FIRST .. LAST);
      select(v : 0 .. VOTED - 1);
      select(incarnation : 0 .. VOTED - 1);
      d_step { learn(value, v, incarnation); clear(); v = 0; value = 0; incarnation = 0 }
    }
  :: d_step { acknowledged == NONE && entered[me] -> say_synced(); clear() }
  od
}

/* Power goes: once for everybody, or at most once for each of some replicas. */
#ifdef SITE
active proctype Power() {
  byte one, two, three;
  atomic {
    select(one : 0 .. 3);
    select(two : 0 .. 3);
    select(three : 0 .. 3);
    d_step { lose_power(0, one); lose_power(1, two); lose_power(2, three); one = 0; two = 0; three = 0 }
  }
}
#else
active [LOSERS] proctype Power() {
  byte one;
  atomic {
    select(one : 0 .. 3);
    d_step { lose_power(LOSER(_pid), one); one = 0 }
  }
}
#endif

init {
  atomic {
    ALLOWED(0, 0) = AT_FIRST;
    under[AT(0, 0)] = 1; under[AT(1, 0)] = 1; under[AT(2, 0)] = 1;
    entered[0] = true; entered[1] = true; entered[2] = true;
    run Replica(0);
    run Replica(1);
    run Replica(2)
  }
}
