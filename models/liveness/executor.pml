/* The loop, the threads of an executor and a thread from outside, as processes of Promela. SPIN
 * goes through all their interleavings (check.sh): does what should happen happen in the end? loom
 * cannot ask that. It checks the real source, and that each thread sees what the one before it did;
 * on this the model here stands, whose memory is one for all.
 *
 * Which process and which inline is which function:
 *
 *   post with ring, drain,       Inbox::{post, drain, park, close}          src/exec/inbox.rs
 *   park, close
 *   lend, take, end,             Baton::{lend, take, end, over, give}       src/pool/baton.rs
 *   ended, give with given
 *   worker                       run_jobs, and Side::end_turn where a job   src/pool/worker.rs
 *                                pauses; Worker::unwind is in end_run
 *   submit, pool_turn,           Pool::{submit, turn, tell_if_idle}         src/pool/thread_pool.rs
 *   tell_if_idle                 with Hand::turn                            src/pool/crew.rs
 *   end_run, end_threads         Threads::{end_run, end}, with Worker's     the same
 *                                drop
 *   turn_beside, turns_between   Shell::{turn_beside, turns_between}, with  src/exec/beside.rs
 *                                Core::{choose_beside, waits_beside,
 *                                advance_to_beside, end_turn_beside}
 *   event_loop                   Shell::{run_forever, begin_iteration,      src/exec/shell.rs
 *                                turn}, and the end of a run
 *   main_step                    the program's main, and                    src/pool/executor.rs
 *                                shutdown_default_executor
 *   run_handle                   the callbacks of the program
 *   foreign                      a thread with LoopHandle's                 src/exec/threadsafe.rs
 *                                call_soon_threadsafe
 *
 * The program: main submits all jobs but the last, one a step, and waits; the first call from
 * outside submits the last, if main waits and the pool is not shut. Main shuts the executor down,
 * which waits for all jobs, or ends the run wherever they are: when a timer fires, or the first
 * call from outside comes. A job pauses up to PAUSES times: it lets others go first, sleeps, or is
 * parked until the other job had a turn or a call from outside came. It parks only if one of the
 * two is yet to come: else the program would be a deadlock of its own.
 *
 * Bounds: the numbers below. Abstracted: values, names, traces, panics, errors. What is ready is
 * taken in any order and who sleeps is woken in any order, so all schedules and times are there; a
 * timer may fire before what is ready, as where the clock slips. Left out: jobs that are cancelled
 * before they begin, several pools, limits, searches (one_by_one), the loop's own deadlocks, and
 * threads that wake by themselves, since that would hide a wake that is lost.
 *
 * Steps: what the inbox's mutex guards is touched under it alone, but for the flag, so a section
 * under the lock is one step, up to where it waits: who sleeps on a condition variable gives up the
 * lock in the same step. So is all that the loop or a job does between two places where it meets
 * another thread. A ring without the lock is a step of its own, and so is the unpark of a baton that
 * is given back. To look where a baton is, and to park, is one step: what comes between the two in
 * the code leaves a token, so it looks again.
 */

#define JOBS 3
#define WORKERS 2
#ifndef PAUSES
#define PAUSES 2
#endif
#ifndef POSTS
#define POSTS 1
#endif
#define NOBODY 255

/* * Condition variables, each of one thread: whether it sleeps */

#define SLEEP(sleeps) sleeps = 1; !sleeps
#define RING(sleeps) sleeps = 0

/* * Threads that park: each has a token, which unpark puts there and park takes */

#define PARK(token) token -> token = 0
#define UNPARK(token) token = 1

/* * The inbox */

bit flag, closed, loop_sleeps;
byte mail;

inline post() {
    if
    :: closed
    :: else ->
        mail++;
#ifndef FLAG_NOT_SET
        flag = 1
#endif
    fi
}

/* The end of a post, without the lock. */
inline ring() {
#ifdef LOOP_NOT_WOKEN
    skip
#else
    RING(loop_sleeps)
#endif
}

inline drain() {
    if
    :: flag ->
        flag = 0;
        do
        :: mail > 0 -> mail--; ready!!CALL,0
        :: else -> break
        od
    :: else
    fi
}

inline park() {
    do
    :: mail == 0 -> SLEEP(loop_sleeps)
    :: else -> break
    od
}

inline close() {
    mail = 0;
    closed = 1
}

active proctype foreign() {
    byte posts;
    do
    :: atomic { posts < POSTS -> posts++; post() }
        ring()
    :: posts == POSTS -> break
    od
}

/* * The baton of each worker, and what it says */

mtype:place = { HOME, LENT, WITH_WORKER, BACK, OVER };
mtype:order = { START, GO, UNWIND };
mtype:after = { IS_OVER, READY_AGAIN, AT, PARKS };

mtype:place place[WORKERS] = HOME;
mtype:order order[WORKERS];
mtype:after after[WORKERS];
byte work[WORKERS] = NOBODY;
bit worker_token[WORKERS], loop_token;
/* How many run: of the loop and all jobs, those that have a baton. */
byte running = 1;

inline lend(thread, what) {
    assert(place[thread] == HOME);
    running--;
    place[thread] = LENT;
    order[thread] = what;
    UNPARK(worker_token[thread]);
    do
    :: place[thread] == BACK -> place[thread] = HOME; break
    :: place[thread] == OVER -> assert(false)
    :: else -> PARK(loop_token)
    od;
    running++;
    assert(running == 1);
    said = after[thread];
    after[thread] = 0
}

inline take(thread) {
    do
    :: place[thread] == LENT ->
        place[thread] = WITH_WORKER;
        running++;
        assert(running == 1);
        told = order[thread];
        order[thread] = 0;
        break
    :: place[thread] == OVER -> told = 0; break
    :: else -> PARK(worker_token[thread])
    od
}

inline give(thread, what) {
    running--;
    if
    :: place[thread] == OVER
    :: else -> place[thread] = BACK; after[thread] = what
    fi
}

/* The end of a give. */
inline given(thread) {
#ifdef LENDER_NOT_WOKEN
    skip
#else
    UNPARK(loop_token)
#endif
}

inline end(thread) {
    place[thread] = OVER;
    UNPARK(worker_token[thread])
}

inline ended(thread) {
    place[thread] = OVER;
    UNPARK(loop_token)
}

/* * Jobs, and their threads */

bit begun[JOBS], done[JOBS], unwound[JOBS];
byte delivered[JOBS];
bit born[WORKERS], gone[WORKERS];

/* Whoever is beside the loop: the workers of the pool, and who looks whether it is idle. */
#define LOOK WORKERS
mtype:beside = { ABSENT, PARKED, READY, YIELDED, ASLEEP };
mtype:beside beside[WORKERS + 1] = ABSENT;
/* The thread of each worker's job, between two turns. */
byte thread_of[WORKERS] = NOBODY, job_of[WORKERS] = NOBODY;
byte heard;

#define MOVES(worker) (thread_of[worker] != NOBODY && beside[worker] != PARKED)

proctype worker(byte thread) {
    byte job = NOBODY, pauses;
    mtype:order told;
    do
    :: atomic {
            take(thread);
            if
            :: told == START -> job = work[thread]; work[thread] = NOBODY; begun[job] = 1
            :: told == GO
            :: told == UNWIND -> unwound[job] = 1
            :: told == 0 -> break
            fi;
            /* The turn. */
            if
            :: told != UNWIND && pauses < PAUSES -> give(thread, READY_AGAIN); pauses++
            :: told != UNWIND && pauses < PAUSES -> give(thread, AT); pauses++
            :: told != UNWIND && pauses < PAUSES && (MOVES(0) || MOVES(1) || heard < POSTS) ->
                give(thread, PARKS);
                pauses++
            :: told != UNWIND -> done[job] = 1; give(thread, IS_OVER); job = NOBODY; pauses = 0
            :: told == UNWIND -> give(thread, IS_OVER); job = NOBODY; pauses = 0
            fi;
            told = 0
        }
        given(thread)
    od;
    atomic { ended(thread); gone[thread] = 1 }
}

/* * The loop */

/* Handles: a step of main, a call from outside, what a job came to, all jobs are over. */
mtype:handle = { MAIN, CALL, RESULT, IDLE };
/* What main waits for, or how it ends. */
mtype:end_by = { UNKNOWN, SHUTDOWN, TIMER, OUTSIDE };

chan ready = [8] of { mtype:handle, byte };
chan batch = [8] of { mtype:handle, byte };
mtype:end_by ends_by = UNKNOWN;
bit timer, stopping, awaits_idle, is_shut, over;
byte steps, submitted, next_job;
bit is_called[WORKERS], is_free[WORKERS];

#define ANY_READY (beside[0] == READY || beside[1] == READY || beside[LOOK] == READY)
#define ANY_ASLEEP (beside[0] == ASLEEP || beside[1] == ASLEEP)
#define ANY_YIELDED (beside[0] == YIELDED || beside[1] == YIELDED)
#define WAKE_PARKED(w) \
    if :: thread_of[w] != NOBODY && beside[w] == PARKED -> beside[w] = READY :: else fi

inline submit() {
    assert(!is_shut);
    submitted++;
    if
    :: !is_called[0] && thread_of[0] == NOBODY -> w = 0
    :: else ->
        if
        :: !is_called[1] && thread_of[1] == NOBODY -> w = 1
        :: else -> w = NOBODY
        fi
    fi;
    if
    :: w == NOBODY
    :: else ->
        is_called[w] = 1;
        if
        :: beside[w] == PARKED || beside[w] == ABSENT -> beside[w] = READY
        :: else
        fi
    fi
}

inline tell_if_idle() {
    if
    :: next_job == submitted && thread_of[0] == NOBODY && thread_of[1] == NOBODY && awaits_idle ->
        awaits_idle = 0;
        ready!!IDLE,0
    :: else
    fi
}

/* A turn of a worker: to where its job blocks, or through jobs until there are no more. */
inline pool_turn(w) {
    is_called[w] = 0;
    do
    :: thread_of[w] == NOBODY && next_job == submitted -> tell_if_idle(); said = PARKS; break
    :: thread_of[w] != NOBODY || next_job < submitted ->
        if
        :: thread_of[w] != NOBODY -> t = thread_of[w]; thread_of[w] = NOBODY; what = GO
        :: else ->
            /* Which thread it is makes no difference. */
            t = (is_free[0] -> 0 : (is_free[1] -> 1 : born[0]));
            if
            :: !is_free[t] -> assert(!born[t]); born[t] = 1; run worker(t)
            :: else -> is_free[t] = 0
            fi;
            job = next_job;
            next_job++;
            work[t] = job;
            job_of[w] = job;
            job = 0;
            what = START
        fi;
        lend(t, what);
        /* The job has let another one go on, if one waits for it. */
        WAKE_PARKED(1 - w);
        if
        :: said == IS_OVER ->
            is_free[t] = 1;
            ready!!RESULT,job_of[w];
#ifdef POSTED_TWICE
            ready!!RESULT,job_of[w];
#endif
            job_of[w] = NOBODY
        :: else -> thread_of[w] = t; break
        fi
    od
}

inline turn_beside() {
    if
    :: beside[0] == READY -> w = 0
    :: beside[1] == READY -> w = 1
    :: beside[LOOK] == READY -> w = LOOK
    fi;
    if
    :: w == LOOK -> tell_if_idle(); said = PARKS
    :: else -> pool_turn(w)
    fi;
    drain();
    if
    :: said == READY_AGAIN -> beside[w] = YIELDED
    :: said == AT -> beside[w] = ASLEEP
    :: said == PARKS -> beside[w] = PARKED
    fi;
    w = 0; t = 0; said = 0; what = 0
}

#define GO_ON(w) if :: beside[w] == YIELDED -> beside[w] = READY :: else fi

/* The turns that come where the loop waits, and the moves of the clock to the next of them. */
inline turns_between() {
    do
    :: ANY_READY -> turn_beside()
    :: ANY_READY && nempty(ready) -> break
    :: !ANY_READY && ANY_YIELDED && nempty(ready) -> GO_ON(0); GO_ON(1); break
    :: !ANY_READY && ANY_YIELDED && empty(ready) -> GO_ON(0); GO_ON(1)
    :: !ANY_READY && !ANY_YIELDED && empty(ready) && beside[0] == ASLEEP -> beside[0] = READY
    :: !ANY_READY && !ANY_YIELDED && empty(ready) && beside[1] == ASLEEP -> beside[1] = READY
    :: !ANY_READY && !ANY_YIELDED && (nempty(ready) || timer || !ANY_ASLEEP) -> break
    od
}

inline main_step() {
    if
    :: steps < JOBS - 1 -> submit(); ready!!MAIN,0
    :: steps == JOBS - 1 ->
        if
        :: ends_by = SHUTDOWN; is_shut = 1; awaits_idle = 1; beside[LOOK] = READY
        :: ends_by = TIMER; timer = 1
        :: heard == 0 -> ends_by = OUTSIDE
        fi
    :: steps == JOBS -> stopping = 1
    fi;
    steps++
}

/* One handle, any that is ready. */
inline run_handle() {
    if
    :: batch??MAIN,_ -> main_step()
    :: batch??CALL,_ ->
        heard++;
        if
        :: ends_by == OUTSIDE && heard == 1 -> ready!!MAIN,0
        :: else
        fi;
        WAKE_PARKED(0);
        WAKE_PARKED(1);
        if
        :: heard == 1 && !is_shut && steps >= JOBS - 1 -> submit()
        :: else
        fi
    :: batch??RESULT,job ->
        assert(done[job]);
        delivered[job]++;
        assert(delivered[job] == 1);
        job = 0
    :: batch??IDLE,_ -> ready!!MAIN,0
    fi;
    w = 0
}

inline end_run() {
    w = 0;
    do
    :: w < WORKERS ->
        if
        :: thread_of[w] == NOBODY
#ifdef PARKED_SKIPPED
        :: thread_of[w] != NOBODY && beside[w] == PARKED
        :: thread_of[w] != NOBODY && beside[w] != PARKED ->
#else
        :: thread_of[w] != NOBODY ->
#endif
            t = thread_of[w];
            do
            :: said != IS_OVER -> lend(t, UNWIND)
            :: else -> break
            od;
            said = 0;
            thread_of[w] = NOBODY;
            is_free[t] = 1
        fi;
        w++
    :: else -> break
    od
}

/* The threads end, and are joined. */
inline end_threads() {
    t = 0;
    do
    :: t < WORKERS ->
        if
        :: is_free[t] ->
            atomic { end(t) }
            gone[t]
        :: else
        fi;
        t++
    :: else -> break
    od
}

/* What the run came to. */
inline check() {
    job = 0;
    do
    :: job < JOBS ->
        assert(begun[job] == done[job] + unwound[job]);
        assert(delivered[job] <= done[job]);
        assert(ends_by != SHUTDOWN || !begun[job] || delivered[job] == 1);
        assert(ends_by != SHUTDOWN || begun[job] == (job < submitted));
        job++
    :: else -> break
    od
}

active proctype event_loop() {
    byte w, t, job;
    bit is_idle;
    mtype:order what;
    mtype:after said;
    ready!!MAIN,0;
    do
    :: atomic {
            drain();
            turns_between();
            if
            :: timer -> timer = 0; ready!!MAIN,0
            :: nempty(ready)
            :: empty(ready) && !timer -> is_idle = 1
            fi;
            do
            :: ready?MAIN,job -> batch!!MAIN,job
            :: ready?CALL,job -> batch!!CALL,job
            :: ready?RESULT,job -> batch!!RESULT,job
            :: ready?IDLE,job -> batch!!IDLE,job
            :: empty(ready) -> break
            od;
            job = 0;
            do
            :: empty(batch) -> break
            :: nempty(batch) -> run_handle()
            :: nempty(batch) && ANY_READY -> turn_beside()
            od
        }
        if
        :: stopping -> break
        :: atomic { is_idle -> is_idle = 0; park() }
        :: !stopping && !is_idle
        fi
    od;
    atomic { end_run() }
    atomic { close() }
    end_threads();
    atomic { check(); over = 1 }
}

/* * What must happen in the end */

#define GONE(thread) (!born[thread] || gone[thread])
#define LOST(job) (done[job] && [] !(delivered[job] == 1 || over && ends_by != SHUTDOWN))
#define HELD(thread) ([] (place[thread] == BACK))

/* The run ends, and all threads with it. */
ltl ends { <> (over && GONE(0) && GONE(1)) }
/* What a job came to is heard of; unless the run has ended without waiting for it. */
ltl results { ! <> (LOST(0) || LOST(1) || LOST(2)) }
/* The loop does not stay parked while there is mail. */
ltl woken { [] (loop_sleeps && mail > 0 -> <> !loop_sleeps) }
/* All mail is taken. */
ltl taken { [] (mail > 0 -> <> (mail == 0)) }
/* The loop sees each baton that is back. */
ltl returned { ! <> (HELD(0) || HELD(1)) }
