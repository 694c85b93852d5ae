/*
 * Amnesia: is what 2f + 1 replicas said to have on disk kept, even if all machines lose power, and is nothing else lost
 * silently?
 *
 * Models `durability = fsync` (DESIGN section 5) for one sequence number: votes that leave before they are on disk, power
 * losses that take what was not synced, replicas that are amnesic after that, SYNCED, marked VIEW-CHANGEs, and log
 * incarnations. The choice of a NEW-VIEW is the one of view-change.pml.
 *
 * Configuration: f = 1, three correct replicas and one liar, two batches and null, views 0 and 1. With SITE all machines
 * lose power at once, at any moment; else the first LOSERS correct replicas do, each on its own. TWO_BATCHES leaves null out:
 * where B holds anything may be proposed anyway, so it differs from a batch in nothing but its name.
 *
 * Messages are never lost and never consumed, as in view-change.pml; votes survive the power loss of their sender. The liar
 * votes for everything, says SYNCED to everything, claims any P, Q, incarnation and amnesia in its VIEW-CHANGEs, and leads
 * every view: it may show each replica another NEW-VIEW.
 *
 * Left out: the other way out of amnesia (a stable checkpoint at or above the vote ceiling), other numbers, and what
 * view-change.pml leaves out.
 *
 * Planted faults: ACKED_WEAK, SYNCED_TOO_EARLY, AMNESIC_VOTES, UNMARKED (amnesic replicas don't mark their VIEW-CHANGEs).
 * WITNESS claims that an acknowledged batch is not proposed again under a new incarnation, which the search has to refute.
 *
 * ALWAYS_DECIDES claims what view-change.pml proves without power loss: that the correct replicas' VIEW-CHANGEs decide. It
 * does not hold here. A batch that one replica prepared and the others forgot has one Q entry, too few for A2, and its P
 * entry is one too many for B; the new view then begins only with the fourth replica's VIEW-CHANGE.
 */

#define VIEWS 2
#ifndef LOSERS
#define LOSERS 2
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

#define ALLOWED(v, r) allowed[(v) * VIEWS + (r)]

bool entered[REPLICAS];           /* its view began for it */
bool onDisk[REPLICAS];            /* what it knows of its view is surely on disk; else a power loss shows how much was */
bool amnesic[REPLICAS];
byte prepares[REPLICAS * VIEWS];  /* AT: what it ever sent PREPARE for in the view, a bit each */
byte commits[REPLICAS * VIEWS];   /* AT: and COMMIT */
byte under[REPLICAS * VIEWS];     /* AT: the incarnation under which it entered the view */
byte marked[VIEWS];               /* whose VIEW-CHANGE for the view says amnesic, a bit each */
byte allowed[VIEWS * VIEWS];      /* ALLOWED: what NEW-VIEWs of a view and an incarnation may propose, a bit each */
byte synced[VIEWS];               /* per incarnation: who said SYNCED */
byte syncedIn[VIEWS];             /* per incarnation: the last view whose commit such a statement relied on */
byte acknowledged, acknowledgedIn;  /* the batch that an fsync vouched for, and that view then */

byte r, highest, last, j;

/* The incarnation that a replica is in when it has not entered a view at or above the limit. */
inline derive_incarnation(replica, limit) {
  r = 0;
  for (w : 0 .. limit - 1) {
    if
    :: prepares[AT(replica, w)] -> r = under[AT(replica, w)]
    :: else
    fi
  }
}

inline allow(target) {
  if
  :: members & marked[target] -> ALLOWED(target, target) = ALLOWED(target, target) | result
  :: else ->
    highest = 0;
    for (i : 0 .. REPLICAS - 1) {
      if
      :: members & (1 << i) -> derive_incarnation(i, target); highest = (r > highest -> r : highest)
      :: else
      fi
    }
    ALLOWED(target, highest) = ALLOWED(target, highest) | result;
    if
    :: members & (1 << REPLICAS) ->
      for (r : highest + 1 .. target) {
        ALLOWED(target, r) = ALLOWED(target, r) | result
      }
    :: else
    fi
  fi
}

inline choose_all(target) {
  derive_p(target);
  for (members : 0 .. (1 << (REPLICAS + 1)) - 1) {
    count = (members & 1) + ((members >> 1) & 1) + ((members >> 2) & 1) + ((members >> 3) & 1);
    if
    :: count >= STRONG && (members & ((1 << REPLICAS) - 1) & ~changed[target]) == 0 ->
      result = 0; claimed = NONE; claimedView = 0;
      choose(target);
      if
      :: members & (1 << REPLICAS) ->
        for (d : FIRST .. LAST) {
          claimed = d;
          for (claimedView : 0 .. target - 1) {
            choose(target)
          }
        }
      :: else
#ifdef ALWAYS_DECIDES
        ; assert(result != 0)
#endif
      fi;
      allow(target)
    :: else
    fi
  }
}

/* Whether a batch was committed in a view: 2f + 1 sent COMMIT for it, one of them the liar. */
inline count_commits(v, value) {
  count = 1;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: commits[AT(i, v)] & (1 << value) -> count++
    :: else
    fi
  }
}

inline check() {
  for (w : 0 .. VIEWS - 1) {
    for (d : FIRST .. LAST) {
      count_commits(w, d);
      if
      :: count >= STRONG ->
        /* Agreement within a view, whatever was forgotten. */
        for (batch : FIRST .. LAST) {
          if
          :: batch != d -> count_commits(w, batch); assert(count < STRONG)
          :: else
          fi
        }
        assert(acknowledged == NONE || w < acknowledgedIn || acknowledged == d);
        for (pView : w + 1 .. VIEWS - 1) {
          for (i : 0 .. REPLICAS - 1) {
            for (j : 0 .. REPLICAS - 1) {
              /* Later views of the incarnation in which a replica delivered it propose nothing else. */
              assert(!(commits[AT(j, w)] & (1 << d)) || under[AT(j, w)] != under[AT(i, pView)]
                || (prepares[AT(i, pView)] & ~(1 << d)) == 0)
            }
          }
        }
      :: else
      fi
    }
    /* What was acknowledged is all that later views propose, under whatever incarnation. */
    for (i : 0 .. REPLICAS - 1) {
      assert(acknowledged == NONE || w <= acknowledgedIn || (prepares[AT(i, w)] & ~(1 << acknowledged)) == 0);
#ifdef WITNESS
      assert(acknowledged == NONE || w <= acknowledgedIn || prepares[AT(i, w)] == 0 || under[AT(i, w)] != w);
#endif
    }
  }
}

bool firstUsed;
#define NAMED(value) (value != SECOND || firstUsed)
#define CAN_ENTER(me, v) (v > view[me] || !entered[me])
#define ENDS_AMNESIA(v, incarnation) (v > 0 && incarnation == v)

inline pre_prepare(v, value, incarnation) {
  if
  :: (ALLOWED(v, incarnation) & (1 << value)) && NAMED(value) && proposal[AT(me, v)] == NONE ->
    if
    :: CAN_ENTER(me, v) && (MAY_VOTE(me) || ENDS_AMNESIA(v, incarnation)) ->
      /* Enters the view, which is synced at once. */
      view[me] = v; entered[me] = true; onDisk[me] = false; under[AT(me, v)] = incarnation; last = 1;
      if
      :: ENDS_AMNESIA(v, incarnation) -> amnesic[me] = false
      :: else
      fi
    :: !CAN_ENTER(me, v) && v == view[me] && MAY_VOTE(me) && under[AT(me, v)] == incarnation -> last = 1
    :: else
    fi;
    if
    :: last ->
      firstUsed = firstUsed || value == FIRST;
      proposal[AT(me, v)] = value; onDisk[me] = false;
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
    :: prepares[AT(i, v)] & (1 << d) -> count++
    :: else
    fi
  }
  if
  :: count >= STRONG -> prepared[AT(me, v)] = true; commits[AT(me, v)] = commits[AT(me, v)] | (1 << d); onDisk[me] = false; check()
  :: else
  fi
}

/* If it delivered under the incarnation that it is in, syncs the log and says SYNCED. */
inline say_synced() {
  derive_incarnation(me, VIEWS);
  last = NONE;
  for (w : 0 .. view[me]) {
    if
    :: prepared[AT(me, w)] && under[AT(me, w)] == r ->
      count_commits(w, proposal[AT(me, w)]);
      if
      :: count >= STRONG -> last = proposal[AT(me, w)]; highest = w
      :: else
      fi
    :: else
    fi
  }
  if
  :: last != NONE ->
#ifndef SYNCED_TOO_EARLY
    onDisk[me] = true;
#endif
    synced[r] = synced[r] | (1 << me);
    syncedIn[r] = (highest > syncedIn[r] -> highest : syncedIn[r]);
    count = 1 + (synced[r] & 1) + ((synced[r] >> 1) & 1) + ((synced[r] >> 2) & 1);
    if
    :: count >= ACKED_QUORUM && acknowledged == NONE -> acknowledged = last; acknowledgedIn = syncedIn[r]; check()
    :: else
    fi
  :: else
  fi
}

/* Of what is not surely on disk the log's end is lost: all, or all but the proposal, or nothing. */
inline lose_power(who, kept_records) {
  if
  :: !onDisk[who] && kept_records < 2 -> prepared[AT(who, view[who])] = false
  :: else
  fi;
  if
  :: !onDisk[who] && kept_records < 1 -> proposal[AT(who, view[who])] = NONE
  :: else
  fi;
  onDisk[who] = true;
  amnesic[who] = true
}

inline clear() {
  forget(); r = 0; highest = 0; last = 0; j = 0
}

proctype Replica(byte me) {
  byte v, value, incarnation;
end:
  do
  :: atomic {
      view[me] < VIEWS - 1 ->
      select(v : view[me] + 1 .. VIEWS - 1);
      d_step {
        /* Its VIEW-CHANGE, and all before it in the log, is synced before it leaves. */
        view[me] = v; entered[me] = false; onDisk[me] = false;
        changed[v] = changed[v] | (1 << me);
#ifndef UNMARKED
        if
        :: amnesic[me] -> marked[v] = marked[v] | (1 << me)
        :: else
        fi;
#endif
        choose_all(v); clear(); v = 0
      }
    }
  :: atomic {
      proposal[AT(me, VIEWS - 1)] == NONE ->
      select(v : view[me] .. VIEWS - 1);
      select(value : FIRST .. LAST);
      select(incarnation : 0 .. v);
      d_step { pre_prepare(v, value, incarnation); clear(); v = 0; value = 0; incarnation = 0 }
    }
  :: d_step {
      entered[me] && MAY_VOTE(me) && proposal[AT(me, view[me])] != NONE && !prepared[AT(me, view[me])] ->
      prepare(view[me]); clear()
    }
  :: d_step { acknowledged == NONE -> say_synced(); clear() }
  od
}

/* Power goes: once for everybody, or at most once for each of some replicas. */
#ifdef SITE
active proctype Power() {
  byte one, two, three;
  atomic {
    select(one : 0 .. 2);
    select(two : 0 .. 2);
    select(three : 0 .. 2);
    d_step { lose_power(0, one); lose_power(1, two); lose_power(2, three); one = 0; two = 0; three = 0 }
  }
}
#else
active [LOSERS] proctype Power() {
  byte one;
  atomic {
    select(one : 0 .. 2);
    d_step { lose_power(_pid, one); one = 0 }
  }
}
#endif

init {
  atomic {
    ALLOWED(0, 0) = (1 << FIRST) | (1 << SECOND);
    entered[0] = true; entered[1] = true; entered[2] = true;
    run Replica(0);
    run Replica(1);
    run Replica(2)
  }
}
