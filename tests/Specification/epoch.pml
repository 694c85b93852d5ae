/*
 * Epochs: can waking and sleeping execution replicas make a client accept a wrong result, or be set off by liars alone?
 *
 * Models DESIGN sections 6 and 9: RECOVER votes bound to an epoch, CONFIG entries that they justify, the controller of a
 * sleeper, a woken replica that does not know yet what it slept through, replies that carry the epoch in which they are
 * sent, and the client's rule: f + 1 equal replies of distinct replicas that are active in the epoch of the reply.
 *
 * Configuration: f = 1. Of four agreement replicas one lies; of three execution replicas one lies, any of them. Epoch 0 has
 * execution replicas 0 and 1 active, a CONFIG by RECOVERs makes all active. With RETURNS a further CONFIG goes back to two,
 * any two, and another wakes the third again. One write is ordered at some moment; the client reads what it wrote after
 * that, so the old value is a wrong result.
 *
 * Messages are never lost and never consumed. The lying agreement replica votes for everything, the lying execution replica
 * replies everything under every epoch, so that each count of replies may begin with it.
 *
 * A correct replica that was just woken is stale: until it learns the current epoch and executes what came before, it knows
 * the state and the epoch at which it was paused. It may answer from that state under that epoch, as a resumed machine does
 * with what was in its memory. In an epoch that does not have it active that is harmless, and the client's rule suffices.
 * With RETURNS it may have been paused as an active replica of an epoch that has ended: then only its silence until it
 * has learned the current epoch protects the client, and SPEAKS_EARLY is a planted fault.
 *
 * Left out: how an ordered operation is executed (agreement is taken for granted), convictions and new keys, checkpoints,
 * and when replicas are suspected: correct agreement replicas vote RECOVER and RETURN whenever they like.
 *
 * Planted faults: EPOCHS_MIXED (replies of several epochs are counted together, by who is active in the newest of them),
 * EPOCH_UNCHECKED (who is active is not asked at all), ACCEPTED_WEAK (f replies), CONFIG_WEAK (f RECOVERs),
 * WAKE_WEAK (the controller wakes on f), RECOVER_UNBOUND (RECOVERs of older epochs count), SPEAKS_EARLY. WITNESS claims that
 * nothing is ever accepted with the vote of the replica that slept at first.
 */

#define F 1
#define WEAK (F + 1)
#define EXECUTION (2 * F + 1)
#define EPOCHS 4
#define EVERYBODY ((1 << EXECUTION) - 1)

#ifdef ACCEPTED_WEAK
#define ACCEPTED_QUORUM F
#else
#define ACCEPTED_QUORUM WEAK
#endif
#ifdef CONFIG_WEAK
#define CONFIG_QUORUM F
#else
#define CONFIG_QUORUM WEAK
#endif
#ifdef WAKE_WEAK
#define WAKE_QUORUM F
#else
#define WAKE_QUORUM WEAK
#endif

#define OLD 0
#define NEW 1
#define REPLY(e, value) replies[(e) * 2 + (value)]

byte liar;                    /* the execution replica that lies */
byte epoch;                   /* of the log */
byte activeIn[EPOCHS];          /* a bit per execution replica */
bool recovers[EPOCHS];        /* a correct agreement replica voted RECOVER for the epoch; with the liar's that makes f + 1 */
bool awake[EXECUTION];
byte known[EXECUTION];        /* the epoch up to which the replica has executed */
bool stale[EXECUTION];        /* it was resumed and has not learned the current epoch */
bool wrote[EXECUTION];        /* it executed the write */
bool written;                 /* the write is ordered; it is executed before any later epoch begins */
byte replies[EPOCHS * 2];     /* REPLY: which correct execution replicas sent it, a bit each */

byte count, voters, checkedEpoch;

inline count_recovers(e) {
  count = 1 + recovers[e];
#ifdef RECOVER_UNBOUND
  voters = 0;
  do
  :: voters < e ->
    count = (recovers[voters] -> WEAK : count);
    voters++
  :: else -> break
  od;
  voters = 0
#endif
}

inline accept_value(e, value) {
#ifdef EPOCHS_MIXED
  voters = REPLY(0, value) | REPLY(1, value) | REPLY(2, value) | REPLY(3, value) | (1 << liar);
#else
  voters = REPLY(e, value) | (1 << liar);
#endif
#ifdef EPOCH_UNCHECKED
  voters = voters & EVERYBODY;
#else
  voters = voters & activeIn[e];
#endif
  count = (voters & 1) + ((voters >> 1) & 1) + ((voters >> 2) & 1);
  if
  :: count >= ACCEPTED_QUORUM ->
    /* Nobody is told a wrong result. */
    assert(value == NEW || !written);
#ifdef WITNESS
    assert(!(REPLY(e, value) & (1 << 2)));
#endif
  :: else
  fi;
  count = 0; voters = 0
}

/* The client looks at all replies that there may be. */
inline accept() {
  for (checkedEpoch : 0 .. epoch) {
    accept_value(checkedEpoch, OLD);
    accept_value(checkedEpoch, NEW)
  }
  checkedEpoch = 0
}

#ifdef SPEAKS_EARLY
#define MAY_SPEAK(me) true
#else
/* One that was paused as a sleeper speaks for an epoch that does not count it; one that was active has to be silent. */
#define MAY_SPEAK(me) (!stale[me] || !(activeIn[known[me]] & (1 << me)))
#endif

proctype Execution(byte me) {
end:
  do
  :: d_step {
      /* Executes the write in its order. */
      awake[me] && !stale[me] && known[me] == epoch && written && !wrote[me] -> wrote[me] = true
    }
  :: d_step {
      /* Learns the epoch from f + 1 agreement replicas, and has executed all that came before it. */
      awake[me] && (stale[me] || known[me] < epoch) ->
      stale[me] = false; known[me] = epoch; wrote[me] = wrote[me] || written
    }
  :: d_step {
      /* Replies to the read, which is ordered after the write; a stale one has never heard of either order. */
      awake[me] && written && MAY_SPEAK(me) && (wrote[me] || stale[me]) ->
      if
      :: wrote[me] -> REPLY(known[me], NEW) = REPLY(known[me], NEW) | (1 << me)
      :: else -> REPLY(known[me], OLD) = REPLY(known[me], OLD) | (1 << me)
      fi;
      accept()
    }
  :: d_step {
      /* The controller wakes it. */
      !awake[me] ->
      count_recovers(epoch);
      if
      :: count >= WAKE_QUORUM ->
        /* Only if a correct agreement replica says so. */
        assert(recovers[epoch]);
        awake[me] = true; stale[me] = true
      :: else
      fi;
      count = 0
    }
  :: d_step {
      /* It sleeps when an epoch leaves it out, whether it has executed that CONFIG or not. */
      awake[me] && epoch > 0 && !(activeIn[epoch] & (1 << me)) && !recovers[epoch] ->
      awake[me] = false
    }
  od
}

active proctype Agreement() {
  byte asleep;
end:
  do
  :: d_step { !recovers[epoch] -> recovers[epoch] = true }
  :: d_step { !written -> written = true }
  :: d_step {
      /* CONFIG: f + 1 RECOVERs of distinct replicas make all active. */
      epoch < EPOCHS - 1 && activeIn[epoch] != EVERYBODY ->
      count_recovers(epoch);
      if
      :: count >= CONFIG_QUORUM ->
        /* One correct replica is behind every CONFIG, by a vote for this epoch. */
        assert(recovers[epoch]);
        epoch++; activeIn[epoch] = EVERYBODY; accept()
      :: else
      fi;
      count = 0
    }
#ifdef RETURNS
  :: atomic {
      /* CONFIG: f + 1 RETURNs name the next active set, a correct replica's among them. */
      epoch < EPOCHS - 1 && activeIn[epoch] == EVERYBODY ->
      select(asleep : 0 .. EXECUTION - 1);
      d_step { epoch++; activeIn[epoch] = EVERYBODY & ~(1 << asleep); asleep = 0; accept() }
    }
#endif
  od
}

init {
  atomic {
    select(liar : 0 .. EXECUTION - 1);
    activeIn[0] = EVERYBODY & ~(1 << 2);
    awake[0] = true;
    awake[1] = true;
    if
    :: liar != 0 -> run Execution(0)
    :: else
    fi;
    if
    :: liar != 1 -> run Execution(1)
    :: else
    fi;
    if
    :: liar != 2 -> run Execution(2)
    :: else
    fi
  }
}
