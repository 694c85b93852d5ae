/*
 * View change: is what one view committed kept by every later one?
 *
 * Models PBFT with P and Q sets (Castro and Liskov, TOCS 2002, section 4.5; DESIGN section 5) for one sequence number:
 * pre-prepare, prepare and commit in every view, signed VIEW-CHANGEs, and the choice that a NEW-VIEW makes by A1, A2 and B.
 *
 * Configuration: f = 1, that is three correct replicas (the processes below) and one liar (no process), views 0 to 2, two
 * batches and null. Everything that the four can do is explored.
 *
 * Messages are never lost and never consumed: a vote is a fact that anybody may act on at any later time, or never. That
 * covers every delay, loss, duplicate and reordering. The liar votes for everything at once, so each count of votes begins
 * with its vote; it leads any one view, or none, and may propose different things to each replica, as far as they can
 * check: in view 0 anything, later whatever some set of 2f + 1 VIEW-CHANGEs with any content of its own leads to.
 *
 * With LEARNER the last correct replica may learn what others say was committed, once, in the view that it is in or between
 * views; that entry stands in its P and Q under whatever view the liar names. With ONE_AT_FIRST only one batch is proposed in
 * view 0. TWO_BATCHES leaves null out.
 *
 * Left out: suspicion (a replica leaves its view whenever it likes), other numbers and their water marks (a number that B
 * makes null also stands for one after the last, which is free, so that anything may be proposed there), lost memory
 * (amnesia.pml), and progress: only that VIEW-CHANGEs of all correct replicas always decide.
 *
 * Each planted fault is a macro: A1_WEAK, A2_IGNORED, B_WEAK, PREPARED_SHORT, COMMITTED_SHORT, VALUES_MIXED,
 * VOTES_AFTER_LEAVING, P_NOT_RAISED, P_FORGOTTEN, LEARNED_WEAK (f statements suffice, and may be the liar's). WITNESS claims
 * that the last view commits nothing after an earlier one did, which the search has to refute: else it would have looked at
 * too little.
 */

#define VIEWS 3
#include "choice.pml"

#ifdef PREPARED_SHORT
#define PREPARED_QUORUM (STRONG - 1)
#else
#define PREPARED_QUORUM STRONG
#endif
#ifdef COMMITTED_SHORT
#define COMMITTED_QUORUM (STRONG - 1)
#else
#define COMMITTED_QUORUM STRONG
#endif
#ifdef VALUES_MIXED
#define SAME(one, other) (one != NONE)
#else
#define SAME(one, other) (one == other)
#endif

byte liarLeads = VIEWS;           /* the view whose primary is the liar; VIEWS for none */
byte allowed[VIEWS];              /* what some NEW-VIEW of the view may propose, a bit each: 1 << batch */
byte announced[VIEWS];            /* what a correct primary proposes in the view */

/* All choices from 2f + 1 or more VIEW-CHANGEs for the view, whatever the liar's says. */
inline choose_all(target) {
  derive_p(target);
  result = allowed[target];
  for (members : 0 .. (1 << (REPLICAS + 1)) - 1) {
    count = (members & 1) + ((members >> 1) & 1) + ((members >> 2) & 1) + ((members >> 3) & 1);
    if
    :: count >= STRONG && (members & ((1 << REPLICAS) - 1) & ~changed[target]) == 0 ->
      claimed = NONE; claimedView = 0;
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
      fi
    :: else
    fi
  }
  allowed[target] = result;
  /* All correct replicas together always decide: nobody waits for the liar. */
  assert(changed[target] != (1 << REPLICAS) - 1 || allowed[target] != 0)
}

inline count_proposals(v, value) {
  count = 1;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: proposal[AT(i, v)] != NONE && SAME(proposal[AT(i, v)], value) -> count++
    :: else
    fi
  }
}

inline check_agreement() {
  kept = NONE;
  for (w : 0 .. VIEWS - 1) {
    /* What was committed before is all that a later view proposes. */
    for (i : 0 .. REPLICAS - 1) {
      assert(kept == NONE || proposal[AT(i, w)] == NONE || proposal[AT(i, w)] == kept)
    }
    for (d : FIRST .. LAST) {
      count = 1;
      batch = 0;
      for (i : 0 .. REPLICAS - 1) {
        if
        :: prepared[AT(i, w)] && SAME(proposal[AT(i, w)], d) -> count++
        :: else
        fi;
        if
        :: prepared[AT(i, w)] && proposal[AT(i, w)] == d -> batch = 1
        :: else
        fi
      }
      if
      :: batch && count >= COMMITTED_QUORUM ->
        /* Agreement: no two correct replicas commit different batches. */
        assert(kept == NONE || kept == d);
#ifdef WITNESS
        assert(kept == NONE || w < VIEWS - 1);
#endif
        kept = d
      :: else
      fi
    }
  }
}

/* Which batch is called the first is a matter of names: the second is proposed only after it. */
bool firstUsed;
#define NAMED(value) (value != SECOND || firstUsed)
#define PROPOSED(v, value) ((allowed[v] & (1 << value)) && (v == liarLeads || announced[v] == NONE || announced[v] == value))

inline pre_prepare(v, value) {
  if
  :: proposal[AT(me, v)] == NONE && PROPOSED(v, value) && NAMED(value) ->
    if
    :: v != liarLeads -> announced[v] = value
    :: else
    fi;
    if
    :: value == FIRST -> firstUsed = true
    :: else
    fi;
    proposal[AT(me, v)] = value;
    view[me] = v;
    check_agreement()
  :: else
  fi
}

inline prepare(v) {
  if
  :: proposal[AT(me, v)] != NONE && !prepared[AT(me, v)] ->
    count_proposals(v, proposal[AT(me, v)]);
    if
    :: count >= PREPARED_QUORUM -> prepared[AT(me, v)] = true; check_agreement()
    :: else
    fi
  :: else
  fi
}

#ifdef LEARNED_WEAK
#define LEARNED_FROM F
#else
#define LEARNED_FROM STRONG
#endif
#ifdef LEARNER
#define LEARNS(me) (me == REPLICAS - 1)
#else
#define LEARNS(me) false
#endif

/* Learns from a replica that saw it committed in one view, and another that may name any. */
inline learn(value, named, other) {
  count = 1;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: prepared[AT(i, named)] && proposal[AT(i, named)] == value -> count++
    :: else
    fi
  }
  if
  :: count >= LEARNED_FROM -> note_learned(value, named, other, proposal[AT(me, view[me])] != NONE)
  :: else
  fi
}

/* A step that is not possible changes nothing. */
proctype Replica(byte me) {
  byte v, value, other;
end:
  do
  :: atomic {
      /* Leaves its view, and promises by its VIEW-CHANGE to vote in no view before v any more. */
      view[me] < VIEWS - 1 ->
      select(v : view[me] + 1 .. VIEWS - 1);
      d_step {
        view[me] = v;
        changed[v] = changed[v] | (1 << me);
        choose_all(v);
        forget();
        v = 0
      }
    }
  :: atomic {
      /* Pre-prepares what its view, or one whose NEW-VIEW it got, proposes. */
      proposal[AT(me, VIEWS - 1)] == NONE ->
      select(v : view[me] .. VIEWS - 1);
      select(value : FIRST .. LAST);
      d_step { pre_prepare(v, value); forget(); v = 0; value = 0 }
    }
  :: atomic {
      /* Has 2f + 1 votes for what it pre-prepared, and sends COMMIT. */
#ifdef VOTES_AFTER_LEAVING
      select(v : 0 .. view[me]);
#else
      proposal[AT(me, view[me])] != NONE && !prepared[AT(me, view[me])] ->
      v = view[me];
#endif
      d_step { prepare(v); forget(); v = 0 }
    }
  :: atomic {
      LEARNS(me) && learned[me] == NONE ->
      select(value : FIRST .. LAST);
      select(v : 0 .. VIEWS - 1);
      select(other : 0 .. VIEWS - 1);
      d_step { learn(value, v, other); forget(); v = 0; value = 0; other = 0 }
    }
  od
}

init {
  atomic {
    select(liarLeads : 0 .. VIEWS);
    allowed[0] = AT_FIRST;
    run Replica(0);
    run Replica(1);
    run Replica(2)
  }
}
