/*
 * Under which log incarnations a view may begin, and with what. Included by amnesia.pml, after its variables.
 */

/* The incarnation that a replica is in when it has not entered a view at or above the limit. */
inline derive_incarnation(replica, limit) {
  r = 0;
  for (w : 0 .. limit - 1) {
    if
    :: under[AT(replica, w)] -> r = under[AT(replica, w)] - 1
    :: else
    fi
  }
}

/* The incarnation that an unmarked NEW-VIEW goes on with is the highest that a member names; the liar may name any. */
inline allow_unmarked(target) {
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
}

/* All choices from the members' VIEW-CHANGEs, whatever the liar's says of P and Q. */
inline choose_any(target) {
  result = 0; remembered = 0; claimed = NONE; claimedView = 0;
  choose(target);
  if
  :: members & (1 << REPLICAS) ->
    for (last : FIRST .. LAST) {
      claimed = last;
      for (claimedView : 0 .. target - 1) {
        choose(target)
      }
    }
  :: else
  fi
}

inline choose_all(target) {
  derive_p(target);
  for (members : 0 .. (1 << (REPLICAS + 1)) - 1) {
    count = (members & 1) + ((members >> 1) & 1) + ((members >> 2) & 1) + ((members >> 3) & 1);
    if
    :: count >= STRONG && (members & ((1 << REPLICAS) - 1) & ~changed[target]) == 0 ->
      choose_any(target);
      if
      :: !(members & marked[target]) -> allow_unmarked(target)
      :: else -> result = result | remembered
      fi;
      if
      :: members & (marked[target] | (1 << REPLICAS)) ->
        /* The liar may mark itself. */
        ALLOWED(target, target) = ALLOWED(target, target) | result | remembered
      :: else
      fi;
      /* All correct replicas together decide whether the first view change begins, whatever was forgotten. */
      assert(target > 1 || members != (1 << REPLICAS) - 1 || result != 0
        || under[AT(0, target)] + under[AT(1, target)] + under[AT(2, target)] > 0)
    :: else
    fi
  }
}
