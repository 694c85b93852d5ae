/*
 * What a NEW-VIEW may propose, given what replicas say of P and Q in their VIEW-CHANGEs: the rule of A1, A2 and B (Castro and
 * Liskov, TOCS 2002, figure 4) for one sequence number. Included by the models; VIEWS is theirs.
 *
 * f = 1: three correct replicas, numbered from 0, and one liar, whose bit comes after theirs in sets of members.
 */

#define F 1
#define REPLICAS 3 /* the correct ones */
#define STRONG (2 * F + 1)
#define WEAK (F + 1)

#define NONE 0
#define FIRST 1
#define SECOND 2
#define EMPTY 3 /* the null batch */
#define BOTH 4
#ifdef TWO_BATCHES
#define LAST SECOND
#define ANYTHING ((1 << FIRST) | (1 << SECOND))
#else
#define LAST EMPTY
#define ANYTHING ((1 << FIRST) | (1 << SECOND) | (1 << EMPTY))
#endif

#ifdef ONE_AT_FIRST
#define AT_FIRST (1 << FIRST)
#else
#define AT_FIRST ((1 << FIRST) | (1 << SECOND))
#endif
#ifdef A1_WEAK
#define A1_QUORUM WEAK
#else
#define A1_QUORUM STRONG
#endif
#ifdef B_WEAK
#define B_QUORUM WEAK
#else
#define B_QUORUM STRONG
#endif

#define AT(replica, v) ((replica) * VIEWS + (v))

byte view[REPLICAS];              /* the view it is in or waits for */
byte proposal[REPLICAS * VIEWS];  /* AT: what it knows to have pre-prepared; this makes Q */
bool prepared[REPLICAS * VIEWS];  /* AT: it knows to hold the prepared certificate of that; this makes P */
byte changed[VIEWS];              /* who sent VIEW-CHANGE for the view, a bit each */

/*
 * What f + 1 others say was committed is learned: it enters P and Q under a view that they name, though this replica did not
 * prepare it. Of f + 1 one may be the liar, who names any view. Each replica learns at most once.
 */
byte learned[REPLICAS];           /* the batch */
byte learnedAt[REPLICAS];         /* when: 2 * view, and one more if that view had begun for it */
byte learnedView[REPLICAS];       /* under which view it stands in P and Q: the highest named, if not ahead of its own */
byte committedView[REPLICAS];     /* the lowest named: it was committed in this view or a later one */

/* It is in the VIEW-CHANGE for the view. */
#define TOLD_OF_LEARNED(replica, v) (learned[replica] != NONE && learnedAt[replica] < 2 * (v))

/* Results of the inlines below; always zero between steps. */
byte count, kept, i, w, d, batch, members, claimed, claimedView, pBatch, pView, result;
byte p[REPLICAS], pv[REPLICAS];
byte remembered;                  /* what may be chosen besides if a member is amnesic, so that an incarnation opens */

inline forget() {
  count = 0; kept = 0; i = 0; w = 0; d = 0; batch = 0; members = 0; claimed = 0; claimedView = 0; pBatch = 0; pView = 0;
  result = 0; remembered = 0; p[0] = 0; p[1] = 0; p[2] = 0; pv[0] = 0; pv[1] = 0; pv[2] = 0
}

/* Of two views that are named the lower is what is known; the entry stands under the higher one, if it may know of it. */
inline note_learned(value, named, other, inView) {
  learned[me] = value; learnedAt[me] = 2 * view[me] + inView;
  learnedView[me] = (named > other -> named : other);
  committedView[me] = (named > other -> other : named);
  w = (inView || view[me] == 0 -> view[me] : view[me] - 1);
  learnedView[me] = (learnedView[me] > w -> w : learnedView[me])
}

inline add_learned() {
  if
  :: p[i] == learned[i] && pv[i] > learnedView[i]
  :: else -> p[i] = learned[i]; pv[i] = learnedView[i]
  fi
}

/* P of each correct replica in its VIEW-CHANGE for the view. It votes in no earlier view any more, so it can be derived. */
inline derive_p(target) {
  for (i : 0 .. REPLICAS - 1) {
    p[i] = NONE; pv[i] = 0;
    for (w : 0 .. target - 1) {
      if
      :: learned[i] != NONE && learnedAt[i] == 2 * w -> add_learned()
      :: else
      fi;
      if
      :: prepared[AT(i, w)] ->
#ifdef P_NOT_RAISED
        if
        :: p[i] != proposal[AT(i, w)] -> pv[i] = w
        :: else
        fi;
#else
        pv[i] = w;
#endif
#ifdef P_FORGOTTEN
        if
        :: w + 1 < target -> p[i] = NONE
        :: else -> p[i] = proposal[AT(i, w)]
        fi
#else
        p[i] = proposal[AT(i, w)]
#endif
      :: else
      fi;
      if
      :: learned[i] != NONE && learnedAt[i] == 2 * w + 1 -> add_learned()
      :: else
      fi
    }
  }
}

/* A1 for the candidate (pBatch, pView): 2f + 1 have no P entry of another batch at its view or later. */
inline count_a1() {
  count = 0;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: (members & (1 << i)) && (p[i] == NONE || p[i] == pBatch || pv[i] < pView) -> count++
    :: else
    fi
  }
  if
  :: (members & (1 << REPLICAS)) && (claimed == NONE || claimed == pBatch || claimedView < pView) -> count++
  :: else
  fi
}

/* A2: f + 1 have pre-prepared it at that view or later. The liar's word is not among them here. */
inline count_a2(target) {
  count = 0;
  for (i : 0 .. REPLICAS - 1) {
    for (w : pView .. target - 1) {
      if
      :: ((members & (1 << i)) && (proposal[AT(i, w)] == pBatch
          || (TOLD_OF_LEARNED(i, target) && learned[i] == pBatch && learnedView[i] == w))) -> count++; break
      :: else
      fi
    }
  }
}

/*
 * One candidate. If it holds only with the liar's word in Q, another choice from the same P stays possible: the liar may
 * withhold that word. So only one that holds without it closes B.
 */
inline try_candidate(target) {
  count_a1();
  if
  :: count >= A1_QUORUM ->
#ifdef A2_IGNORED
    result = result | (1 << pBatch); kept = 1
#else
    count_a2(target);
    if
    :: count >= WEAK -> result = result | (1 << pBatch); kept = 1
    :: count + 1 >= WEAK && (members & (1 << REPLICAS)) -> result = result | (1 << pBatch)
    :: else
    fi
#endif
  :: else
  fi
}

/* The only batch that anybody prepared: after a loss of power an fsync may have been acknowledged for it, so it is taken. */
inline choose_only_prepared() {
  pBatch = NONE; pView = 0;
  for (batch : 0 .. REPLICAS) {
    if
    :: (members & (1 << batch)) && batch < REPLICAS -> d = p[batch]; w = pv[batch]
    :: (members & (1 << batch)) && batch == REPLICAS -> d = claimed; w = claimedView
    :: else -> d = NONE
    fi;
    if
    :: d == NONE
    :: d != NONE && pBatch == NONE -> pBatch = d; pView = w
    :: d != NONE && pBatch != NONE && d != pBatch -> pBatch = BOTH
    :: d != NONE && d == pBatch
    fi
  }
  if
  :: pBatch != NONE && pBatch != BOTH -> remembered = remembered | (1 << pBatch)
  :: else
  fi
}

/* What the VIEW-CHANGEs of members (bit REPLICAS is the liar's, whose P says claimed, claimedView) may lead to. */
inline choose(target) {
  kept = 0;
  for (batch : 0 .. REPLICAS) {
    if
    :: batch < REPLICAS && (members & (1 << batch)) -> pBatch = p[batch]; pView = pv[batch]
    :: batch == REPLICAS && (members & (1 << REPLICAS)) -> pBatch = claimed; pView = claimedView
    :: else -> pBatch = NONE
    fi;
    if
    :: pBatch != NONE -> try_candidate(target)
    :: else
    fi
  }
  count = 0;
  for (i : 0 .. REPLICAS - 1) {
    if
    :: (members & (1 << i)) && p[i] == NONE -> count++
    :: else
    fi
  }
  if
  :: (members & (1 << REPLICAS)) && claimed == NONE -> count++
  :: else
  fi;
  if
  :: !kept && count >= B_QUORUM -> result = result | ANYTHING
#ifdef REMEMBERED
  :: !kept && count < B_QUORUM -> choose_only_prepared()
#endif
  :: else
  fi
}
