/* Approve, issue, settle, redeliver: one purchase, and refunds of it that go back once, whatever fails on the way.

   Every `d_step` that touches a global is one round trip of the code: the reading of one item, one transaction under the
   conditions that `ledger.ports.commit.Commit` states, one call to the provider. Between any two of them others run, or the
   caller crashes and comes again. docs/model.md says which step is which function, and what is left out.

   A version is modelled by what it is for: whether anybody wrote the item since it was read (`is_current`). */

#ifndef PEOPLE
#define PEOPLE 1       /* that decide at one moment: support, or the policy */
#endif
#ifndef SENDERS
#define SENDERS 1      /* the stream, the sweep */
#endif
#ifndef SPENDERS
#define SPENDERS 0
#endif
#define CALLERS (PEOPLE + SENDERS + SPENDERS + 2) /* and a webhook, and who follows the cases */
#ifndef CASES
#define CASES 1        /* of this purchase, for different reasons */
#endif
#ifndef AMOUNT
#define AMOUNT 2       /* of each approval: all that was paid, or 1, half of it */
#endif
#ifndef DISPUTES
#define DISPUTES 0     /* whether the payment may be disputed, and that be won or lost */
#endif
#ifndef FAILS
#define FAILS 1        /* whether a refund may fail, even after it succeeded */
#endif
#ifndef APPROVALS
#define APPROVALS (CASES == 2 -> 1 : 2) /* of one case, at most: anew after a refund that failed or was given up */
#endif
#ifndef HEARD
#define HEARD 1        /* whether webhooks come, and the stream has its cases followed */
#endif
#define GRANTED 2
#define PAID 2         /* so a credit costs 1 */
#define TAGS 2
#define CASE_OF(tag) ((tag) * (CASES - 1))

#define PURCHASE 1     /* the items, as bits */
#define ACCOUNT 2
#define CASE(number) (4 << (number))
#define INTENT(tag) (16 << (tag))

#define IN_REVIEW 0
#define APPROVED 1
#define ISSUED 2
#define SETTLED 3
#define DECLINED 4

#define NONE 0         /* of a refund */
#define PENDING 1
#define SUCCEEDED 2
#define FAILED 3
#define OPEN 1         /* of a dispute */
#define WON 2
#define LOST 3

typedef Facts { unsigned approved : 2; unsigned abandoned : 2; unsigned first : 2; unsigned second : 2; unsigned dispute : 2 };
#define REFUND(facts, tag) ((tag) == 0 -> facts.first : facts.second)
typedef Lot {
  unsigned drawn : 2; unsigned refunded : 2; unsigned disputed : 2; unsigned reserved : 2;
  unsigned refund_target : 2; unsigned dispute_target : 2; unsigned reserve_target : 2; bit is_frozen
};
typedef Case { unsigned state : 3; unsigned approvals : 2 };
typedef Intent { bit is_there; bit is_taken; bit was_tried; byte holder };

/* What is stored. */
Facts facts;
Lot lot;
Case cases[2];
Intent intent[TAGS];

/* What is true of the provider. */
byte has[TAGS];        /* refunds that bear the tag */
byte state[TAGS];
bit had_succeeded[TAGS];
bit is_listed[TAGS];
byte dispute = NONE;

/* What is true of the callers. */
byte is_current[CALLERS];
byte sends[CALLERS];   /* 1 + the tag that a sender is at work on */
byte drawn = 0;        /* credits, by the runs */
byte busy = 0;
bit is_to_follow;      /* the stream has a record of the purchase that nobody has acted upon */
#ifdef LIVE
byte faults = 1;       /* crashes, and answers of the provider that are lost */
#define MAY_FAIL faults > 0
#define FAULT faults--
#else
#ifdef NO_FAULTS
#define MAY_FAIL false
#else
#define MAY_FAIL true
#endif
#define FAULT skip
#endif

/* Scratch of one d_step: no part of the state. */
hidden byte i, ok, moved, changes, t_refund, t_dispute, t_reserve, t_frozen, takeable, gone, given, lost, back, under;
hidden byte v_drawn, v_refunded, v_disputed, v_reserved, b_refund, b_dispute, b_reserve, b_frozen, wanted, files;

#define READ(item) (is_current[me] & (item))
#define CONDITION(guard, condition) if :: (guard) && !(condition) -> ok = 0 :: else fi

inline write(item) {
  i = 0;
  do
  :: i < CALLERS -> is_current[i] = is_current[i] & ~(item); i++
  :: else -> break
  od
}
inline have(item) { need = need & ~(item); is_current[me] = is_current[me] | (item) }
inline copy_facts(to, from) {
  to.approved = from.approved; to.abandoned = from.abandoned; to.first = from.first; to.second = from.second;
  to.dispute = from.dispute
}
inline copy_lot(to, from) {
  to.drawn = from.drawn; to.refunded = from.refunded; to.disputed = from.disputed; to.reserved = from.reserved;
  to.refund_target = from.refund_target; to.dispute_target = from.dispute_target;
  to.reserve_target = from.reserve_target; to.is_frozen = from.is_frozen
}
inline forget() {
  my.approved = 0; my.abandoned = 0; my.first = 0; my.second = 0; my.dispute = 0;
  my_lot.drawn = 0; my_lot.refunded = 0; my_lot.disputed = 0; my_lot.reserved = 0; my_lot.refund_target = 0;
  my_lot.dispute_target = 0; my_lot.reserve_target = 0; my_lot.is_frozen = 0;
  my_case.state = 0; my_case.approvals = 0; need = 0; is_current[me] = 0
}

/* ledger.domain.refunds.end_of: a refund that bears the tag counts for more than our having given it up. */
#define HAS_ENDED(facts, tag) (REFUND(facts, tag) >= SUCCEEDED || (REFUND(facts, tag) == NONE && (facts.abandoned & (1 << (tag)))))
#define IS_OUTSTANDING(facts, tag) ((facts.approved & (1 << (tag))) && !HAS_ENDED(facts, tag))
#define REFUNDED_OF(facts) (AMOUNT * ((facts.first == SUCCEEDED) + (facts.second == SUCCEEDED)))
#define OUTSTANDING_OF(facts) (AMOUNT * (IS_OUTSTANDING(facts, 0) + IS_OUTSTANDING(facts, 1)))
#define LOST_OF(facts) (facts.dispute == LOST -> PAID : 0)
#define TAG_OF(which) (CASES == 2 -> (which) : (my_case.approvals - 1))

/* ledger.domain.purchases.target */
inline target(known) {
  back = REFUNDED_OF(known);
  lost = LOST_OF(known);
  under = OUTSTANDING_OF(known);
  t_refund = (back < GRANTED -> back : GRANTED);
  gone = (back + lost < GRANTED -> back + lost : GRANTED);
  t_dispute = gone - t_refund;
  t_reserve = (back + lost + under < GRANTED -> back + lost + under : GRANTED) - gone;
  t_frozen = (known.dispute == OPEN)
}

/* ledger.domain.lots.Lot.rebalance: of a lot with v_drawn and the targets. */
inline settle() {
  takeable = GRANTED - v_drawn;
  v_refunded = (t_refund < takeable -> t_refund : takeable);
  takeable = takeable - v_refunded;
  v_disputed = (t_dispute < takeable -> t_dispute : takeable);
  takeable = takeable - v_disputed;
  v_reserved = (t_reserve < takeable -> t_reserve : takeable)
}

/* ledger.usecases.plan_booking.booking.plan_targets: what the purchase's new target changes on the account that was read. First b_*: the old one. */
inline remember_target() { b_refund = t_refund; b_dispute = t_dispute; b_reserve = t_reserve; b_frozen = t_frozen }
inline plan_account() {
  moved = (b_refund != t_refund || b_dispute != t_dispute || b_reserve != t_reserve || b_frozen != t_frozen);
  changes = (my_lot.refund_target != t_refund || my_lot.dispute_target != t_dispute
             || my_lot.reserve_target != t_reserve || my_lot.is_frozen != t_frozen);
  if :: moved -> changes = 1 :: else fi
}
inline write_account() {
  v_drawn = my_lot.drawn;
  settle();
  lot.drawn = v_drawn; lot.refunded = v_refunded; lot.disputed = v_disputed; lot.reserved = v_reserved;
  lot.refund_target = t_refund; lot.dispute_target = t_dispute; lot.reserve_target = t_reserve; lot.is_frozen = t_frozen;
  write(ACCOUNT)
}
inline write_facts() { copy_facts(facts, my); write(PURCHASE); is_to_follow = 1 }

/* ── The invariants: tools/verify. What broke is told by the name above the assertion ──────────────────────────── */

inline verify() {
  /* _within_grant, and nothing spendable is below 0 */
  assert(lot.drawn + lot.refunded + lot.disputed + lot.reserved <= GRANTED);
  /* _on_target: a reservation is released, or becomes the clawback, with the fact that says so */
  target(facts);
  assert(lot.refund_target == t_refund && lot.dispute_target == t_dispute && lot.reserve_target == t_reserve
         && lot.is_frozen == t_frozen);
  v_drawn = lot.drawn;
  settle();
  assert(lot.refunded == v_refunded && lot.disputed == v_disputed && lot.reserved == v_reserved);
  /* _drawn */
  assert(lot.drawn == drawn);
  /* _refunded_within_paid */
  assert(back + under <= PAID);
  /* _approved */
  assert(((facts.approved & 1) != 0) == (cases[0].approvals >= 1));
  assert(((facts.approved & 2) != 0) == (CASES == 2 -> cases[1].approvals >= 1 : cases[0].approvals >= 2));
  /* _in_the_outbox */
  assert(intent[0].is_there == (cases[0].state == APPROVED && cases[0].approvals == 1));
  assert(intent[1].is_there == (CASES == 2 -> cases[1].state == APPROVED : cases[0].state == APPROVED && cases[0].approvals == 2));
  /* _one_refund, for one approval */
  assert(has[0] <= 1 && has[1] <= 1)
}

#define IS_QUIET (busy == 0 && !is_to_follow && !intent[0].is_there && !intent[1].is_there && facts.first == state[0] \
                  && facts.second == state[1] && facts.dispute == dispute)

inline settled(number) {
  if
  :: cases[number].approvals > 0 && cases[number].state != DECLINED ->
    wanted = (CASES == 2 -> number : cases[number].approvals - 1);
    /* _refunded_cases */
    assert((cases[number].state == SETTLED) == (REFUND(facts, wanted) == SUCCEEDED));
    assert(cases[number].state != ISSUED || REFUND(facts, wanted) == PENDING)
  :: else
  fi
}
inline converged() {
  if
  :: IS_QUIET ->
    verify();
    settled(0);
    settled(1);
    assert(!IS_OUTSTANDING(facts, 0) || has[0] == 1);
    assert(!IS_OUTSTANDING(facts, 1) || has[1] == 1)
  :: else
  fi
}

#define LOCALS Facts my; Lot my_lot; Case my_case; byte need

/* ledger.usecases.refund_cases.context.read_case_context: the account and the case, in any order, then the purchase. */
#define READ_A_DOSSIER(number) \
  :: need & ACCOUNT -> d_step { copy_lot(my_lot, lot); have(ACCOUNT) } \
  :: need & CASE(number) -> d_step { my_case.state = cases[number].state; my_case.approvals = cases[number].approvals; have(CASE(number)) } \
  :: need == PURCHASE -> d_step { copy_facts(my, facts); have(PURCHASE) }

/* ── A decision: ledger.usecases.refund_cases.decide_case.decide_case, approve ─────────────────────────────────────────────────────────────── */

proctype Person(byte me) {
  LOCALS;
  byte tag;
  bit approves;
end_idle:
  atomic {
    if
    :: cases[0].state == IN_REVIEW -> tag = 0
    :: CASES == 2 && cases[1].state == IN_REVIEW -> tag = 1
    fi;
    busy++
  };
read:
  atomic { forget(); need = ACCOUNT | CASE(CASE_OF(tag)) | PURCHASE };
  do
  READ_A_DOSSIER(CASE_OF(tag))
  :: atomic {
      need == 0 ->
      if
      :: my_case.state != IN_REVIEW -> goto stop
      :: my_case.state == IN_REVIEW && my_case.approvals > 0 -> approves = 0 /* declined by a person */
      :: (my_case.state == IN_REVIEW && my_case.approvals < APPROVALS && my.dispute != OPEN
          && AMOUNT + REFUNDED_OF(my) + OUTSTANDING_OF(my) + LOST_OF(my) <= PAID) -> approves = 1
      :: else -> goto stop
      fi;
      d_step {
        ok = 1;
        target(my);
        remember_target();
        if
        :: approves ->
          if :: CASES == 1 -> tag = my_case.approvals :: else fi;
          my.approved = my.approved | (1 << tag);
          target(my)
        :: else
        fi;
#ifndef APPROVE_WITHOUT_PURCHASE
        CONDITION(1, READ(PURCHASE));
#endif
#ifndef APPROVE_WITHOUT_ACCOUNT
        CONDITION(1, READ(ACCOUNT));
#endif
#ifndef APPROVE_WITHOUT_CASE
        CONDITION(1, READ(CASE(CASE_OF(tag))));
#endif
#ifndef APPROVE_OVER_AN_INTENT
        CONDITION(approves, !intent[tag].is_there);
#endif
        if
        :: ok && approves ->
          cases[CASE_OF(tag)].state = APPROVED; cases[CASE_OF(tag)].approvals = my_case.approvals + 1; write(CASE(CASE_OF(tag)));
          write_facts();
          write_account();
#ifndef INTENT_APART
          intent[tag].is_there = 1; write(INTENT(tag));
          verify()
#endif
        :: ok && !approves ->
          cases[CASE_OF(tag)].state = DECLINED; write(CASE(CASE_OF(tag))); write_facts(); write_account(); verify()
        :: else
        fi
      };
      if :: ok -> goto written :: else -> goto read fi
    }
  od;
written:
#ifdef INTENT_APART
  if
  :: d_step { approves -> intent[tag].is_there = 1; write(INTENT(tag)); verify() }
  :: d_step { verify() } /* a crash: whoever asks again is told that it is decided */
  fi;
#endif
stop:
  atomic { d_step { forget(); tag = 0; approves = 0; busy--; converged() }; goto end_idle }
}

/* ── Sending: ledger.usecases.send_refunds.send_refund ────────────────────────────────────────────────────────────────────────────────── */

#define TO_ISSUE(t) (intent[t].is_there && !intent[t].is_taken)
#define IS_MINE (intent[tag].is_taken && intent[tag].holder == me)

/* What both ends of a sending write: the fact, the intent's end, and the case if it still waits for this. */
inline end_intent(next) {
  ok = 1;
  files = (my_case.state == APPROVED && TAG_OF(CASE_OF(tag)) == tag);
  plan_account();
#ifndef END_WITHOUT_PURCHASE
  CONDITION(1, READ(PURCHASE));
#endif
#ifndef END_WITHOUT_ACCOUNT
  CONDITION(files || changes, READ(ACCOUNT));
#endif
#ifndef END_WITHOUT_CASE
  CONDITION(files, READ(CASE(CASE_OF(tag))));
#endif
  if
  :: ok ->
    write_facts();
    if :: files || changes -> write_account() :: else fi;
    if :: files -> cases[CASE_OF(tag)].state = next; write(CASE(CASE_OF(tag))) :: else fi;
    drop_intent();
    verify()
  :: else
  fi
}
inline drop_intent() {
  intent[tag].is_there = 0; intent[tag].is_taken = 0; intent[tag].was_tried = 0; intent[tag].holder = 0;
  write(INTENT(tag))
}

/* ledger.usecases.refund_cases.follow_refunds._follow and FOLLOWED: the case goes where the facts about its refund say that it is. */
inline follow(which) {
  ok = 1;
  wanted = my_case.state;
  if
  :: my_case.approvals == 0 || TAG_OF(CASE_OF(which)) != which /* it was approved anew since */
  :: else ->
    if
    :: REFUND(my, which) == SUCCEEDED && my_case.state != DECLINED -> wanted = SETTLED
    :: REFUND(my, which) == FAILED && my_case.state != DECLINED -> wanted = IN_REVIEW
    :: (REFUND(my, which) == NONE && (my.abandoned & (1 << which)) && my_case.state != DECLINED) -> wanted = IN_REVIEW
    :: REFUND(my, which) == PENDING && my_case.state == APPROVED -> wanted = ISSUED
    :: else
    fi
  fi;
  if
  :: wanted != my_case.state ->
#ifndef FOLLOW_WITHOUT_CASE
    CONDITION(1, READ(CASE(CASE_OF(which))));
#endif
#ifndef FOLLOW_WITHOUT_ACCOUNT
    CONDITION(1, READ(ACCOUNT));
#endif
    if
    :: ok ->
      cases[CASE_OF(which)].state = wanted; write(CASE(CASE_OF(which))); write(ACCOUNT);
      intent[which].is_there = 0; intent[which].is_taken = 0; intent[which].was_tried = 0; intent[which].holder = 0;
      write(INTENT(which));
      verify()
    :: else
    fi
  :: else
  fi
}

proctype Sender(byte me) {
  LOCALS;
  byte tag;
  bit may_be_sent, is_found, looked, gives_up;
end_idle:
  atomic {
    if :: TO_ISSUE(0) -> tag = 0 :: TO_ISSUE(1) -> tag = 1 fi;
    busy++
  };
take: /* _take: read the intent ... */
  atomic {
    is_current[me] = 0;
    if :: !TO_ISSUE(tag) -> goto stop :: else fi;
    may_be_sent = intent[tag].was_tried;
    have(INTENT(tag))
  };
  atomic { /* ... and make it ours */
    if
#ifdef TAKE_WITHOUT_VERSION
    :: intent[tag].is_there ->
#else
    :: READ(INTENT(tag)) ->
#endif
      d_step {
        intent[tag].is_taken = 1; intent[tag].was_tried = 1; intent[tag].holder = me;
        write(INTENT(tag)); sends[me] = tag + 1
      }
    :: else -> goto take
    fi
  };
read: /* _read */
  atomic { forget(); need = ACCOUNT | CASE(CASE_OF(tag)) | PURCHASE };
  do
  READ_A_DOSSIER(CASE_OF(tag))
  :: atomic { need == 0 -> if :: HAS_ENDED(my, tag) -> goto ended :: else -> break fi }
  :: atomic { MAY_FAIL -> FAULT; goto stop }
  od;
#ifndef SEND_WITHOUT_LOOKING
  if
  :: atomic { may_be_sent && !looked -> /* Gateway.find_refunds */
      if
      :: looked = 1; is_found = (has[tag] > 0 && is_listed[tag]); goto read /* with what was heard while we looked */
      :: MAY_FAIL -> FAULT; goto stop /* unclear: _put_back */
      fi
    }
  :: atomic { looked && (is_found || REFUND(my, tag) != NONE) -> is_found = 0; goto finish } /* _heard */
  :: atomic { else -> skip }
  fi;
#endif
  atomic {
    /* _obstacle */
    if
    :: (my.dispute == OPEN || AMOUNT + REFUNDED_OF(my) + LOST_OF(my)
        + OUTSTANDING_OF(my) - (IS_OUTSTANDING(my, tag) -> AMOUNT : 0) > PAID) -> gives_up = 1; goto finish
    :: else
    fi;
#ifndef SEND_WHEN_HELD_UP
    if :: !IS_MINE -> goto stop :: else fi /* we were held up for too long */
#endif
  };
  atomic { /* Gateway.send_refund */
    if
#ifdef KEYED
    :: has[tag] > 0 /* the same tag again answers what was made under it */
#endif
    :: (dispute != OPEN && dispute != LOST /* the provider's own limit */
        && AMOUNT + (has[0] > 0 && state[0] != FAILED -> AMOUNT * has[0] : 0)
        + (has[1] > 0 && state[1] != FAILED -> AMOUNT * has[1] : 0) <= PAID) ->
#ifdef KEYED
      if :: has[tag] == 0 :: else -> goto sent fi;
#endif
      has[tag]++;
      if :: state[tag] == NONE -> state[tag] = PENDING :: else fi;
      /* _one_refund */
      assert(has[tag] <= 1)
    :: MAY_FAIL -> FAULT; goto stop /* it never got there, and nobody knows */
    :: gives_up = 1; goto finish /* refused, clearly */
    fi;
sent:
    if
    :: skip
    :: MAY_FAIL -> FAULT; goto stop /* the answer is lost */
    fi
  };
finish: /* _sent, or _abandon */
  atomic { forget(); need = ACCOUNT | CASE(CASE_OF(tag)) | PURCHASE };
  do
  READ_A_DOSSIER(CASE_OF(tag))
  :: atomic {
      need == 0 ->
      d_step {
        target(my);
        remember_target();
        if
        :: gives_up -> my.abandoned = my.abandoned | (1 << tag); target(my); end_intent(IN_REVIEW)
        :: else -> end_intent(ISSUED)
        fi
      };
      if :: ok -> goto stop :: else -> goto finish fi
    }
  :: atomic { MAY_FAIL -> FAULT; goto stop }
  od;
ended: /* the approval has ended: its case follows, and the intent leaves the outbox */
  atomic { forget(); need = ACCOUNT | CASE(CASE_OF(tag)) | PURCHASE };
  do
  READ_A_DOSSIER(CASE_OF(tag))
  :: atomic {
      need == 0 ->
#ifndef DROP_WITHOUT_FOLLOWING
      d_step { follow(tag) };
      if :: ok :: else -> goto ended fi;
#endif
      break
    }
  :: atomic { MAY_FAIL -> FAULT; goto stop }
  od;
  atomic { drop_intent(); verify() };
stop:
  atomic {
    d_step {
      forget(); sends[me] = 0; may_be_sent = 0; is_found = 0; looked = 0; gives_up = 0; tag = 0; busy--; converged()
    };
    goto end_idle
  }
}

/* ── The world: time, the provider, its webhooks, the table's stream, a run ───────────────────────────────────────── */

#ifdef SHORT_LEASE
#define IS_SENDING(tag) false
#else
#define IS_SENDING(tag) (sends[PEOPLE] == (tag) + 1 || sends[PEOPLE + SENDERS - 1] == (tag) + 1)
#endif

/* A lease is longer than any function runs. By its end, what was sent is listed. */
proctype Clock() {
  byte tag;
end_idle:
  atomic {
    if
    :: intent[0].is_taken && !IS_SENDING(0) -> tag = 0
    :: intent[1].is_taken && !IS_SENDING(1) -> tag = 1
    fi;
    intent[tag].is_taken = 0; intent[tag].holder = 0;
#ifndef SLOW_LISTING
    is_listed[tag] = (has[tag] > 0);
#endif
    tag = 0;
    goto end_idle
  }
}

#define MOVES(tag) \
  :: state[tag] == PENDING -> state[tag] = SUCCEEDED; had_succeeded[tag] = 1 \
  :: FAILS && (state[tag] == PENDING || state[tag] == SUCCEEDED) -> state[tag] = FAILED \
  :: has[tag] > 0 && !is_listed[tag] -> is_listed[tag] = 1

proctype Provider() {
end_idle:
  atomic {
    if
    MOVES(0)
    MOVES(1)
    :: DISPUTES && dispute == NONE -> dispute = OPEN
    :: dispute == OPEN -> dispute = WON
    :: dispute == OPEN -> dispute = LOST
    fi;
    goto end_idle
  }
}

/* ledger.usecases.record_event.record_event of what a webhook says, in any order: only what is news writes anything.
   Never: no configuration gets there, which the long form checks. */
proctype Webhook(byte me) {
  LOCALS;
  byte tag, says;
end_idle:
  atomic {
    if
    :: facts.first < PENDING && state[0] >= PENDING -> tag = 0; says = PENDING
    :: facts.first < SUCCEEDED && had_succeeded[0] -> tag = 0; says = SUCCEEDED
    :: facts.first < FAILED && state[0] == FAILED -> tag = 0; says = FAILED
    :: facts.second < PENDING && state[1] >= PENDING -> tag = 1; says = PENDING
    :: facts.second < SUCCEEDED && had_succeeded[1] -> tag = 1; says = SUCCEEDED
    :: facts.second < FAILED && state[1] == FAILED -> tag = 1; says = FAILED /* never */
    :: facts.dispute < OPEN && dispute >= OPEN -> tag = TAGS; says = OPEN /* never */
    :: facts.dispute < WON && dispute >= WON -> tag = TAGS; says = dispute /* never */
    fi;
    busy++
  };
read:
  atomic { forget(); need = ACCOUNT | PURCHASE };
  do
  :: need & ACCOUNT -> d_step { copy_lot(my_lot, lot); have(ACCOUNT) }
  :: need & PURCHASE -> d_step { copy_facts(my, facts); have(PURCHASE) }
  :: atomic {
      need == 0 ->
      d_step {
        target(my);
        remember_target();
        ok = 1;
        if
        :: tag == 0 && my.first < says -> my.first = says
        :: tag == 1 && my.second < says -> my.second = says
        :: tag == TAGS && my.dispute < says -> my.dispute = says
        :: else -> ok = 2 /* no news */
        fi;
        target(my);
        plan_account();
#ifndef HEAR_WITHOUT_PURCHASE
        CONDITION(ok == 1, READ(PURCHASE));
#endif
#ifndef HEAR_WITHOUT_ACCOUNT
        CONDITION(ok == 1 && changes, READ(ACCOUNT));
#endif
        if
        :: ok == 1 ->
          write_facts();
          if :: changes -> write_account() :: else fi;
          verify()
        :: else
        fi
      };
      if :: ok -> goto stop :: else -> goto read fi
    }
  od;
stop:
  atomic { d_step { forget(); tag = 0; says = 0; busy--; converged() }; goto end_idle }
}

/* ledger.usecases.refund_cases.follow_refunds.follow, fed by the table's stream. */
proctype Follower(byte me) {
  LOCALS;
  byte tag;
end_idle:
  atomic { is_to_follow -> is_to_follow = 0; busy++ };
read:
  atomic { forget(); need = ACCOUNT | CASE(CASE_OF(tag)) | PURCHASE };
  do
  READ_A_DOSSIER(CASE_OF(tag))
  :: atomic {
      need == 0 -> d_step { follow(tag) };
      if
      :: ok && tag == 0 && (facts.approved & 2) -> tag = 1; goto read
      :: ok && !(tag == 0 && (facts.approved & 2)) -> goto stop
      :: else -> goto read
      fi
    }
  :: atomic { MAY_FAIL -> FAULT; is_to_follow = 1; goto stop } /* the stream brings its record again */
  od;
stop:
  atomic { d_step { forget(); tag = 0; busy--; converged() }; goto end_idle }
}

/* ledger.usecases.usage.draw_credits: one run of one credit. */
proctype Spender(byte me) {
  LOCALS;
end_idle:
  atomic { drawn == 0 -> busy++ };
read:
  atomic { forget(); need = ACCOUNT };
  d_step { copy_lot(my_lot, lot); have(ACCOUNT) };
  atomic {
    d_step {
      ok = 1;
      if
#ifdef SPEND_WHAT_IS_RESERVED
      :: (!my_lot.is_frozen && drawn == 0 && GRANTED - my_lot.drawn - my_lot.refunded - my_lot.disputed > 0) ->
#else
      :: (!my_lot.is_frozen && drawn == 0
          && GRANTED - my_lot.drawn - my_lot.refunded - my_lot.disputed - my_lot.reserved > 0) ->
#endif
#ifndef SPEND_WITHOUT_VERSION
        CONDITION(1, READ(ACCOUNT));
#endif
        if
        :: ok ->
          drawn = 1;
          v_reserved = my_lot.reserved;
          my_lot.drawn = my_lot.drawn + 1;
          t_refund = my_lot.refund_target; t_dispute = my_lot.dispute_target; t_reserve = my_lot.reserve_target;
          t_frozen = my_lot.is_frozen;
          files = my_lot.reserved;
          write_account();
          /* _reserved: approval and spending can't both win */
          assert(lot.reserved == files);
          verify()
        :: else
        fi
      :: else
      fi
    };
    if :: ok :: else -> goto read fi
  };
stop:
  atomic { d_step { forget(); busy--; converged() }; goto end_idle }
}

init {
  byte n;
  atomic {
    cases[1].state = (CASES == 2 -> IN_REVIEW : DECLINED);
    do
    :: n < PEOPLE -> run Person(n); n++
    :: n >= PEOPLE && n < PEOPLE + SENDERS -> run Sender(n); n++
    :: n >= PEOPLE + SENDERS && n < PEOPLE + SENDERS + SPENDERS -> run Spender(n); n++
    :: HEARD && n == PEOPLE + SENDERS + SPENDERS -> run Webhook(n); n++
    :: HEARD && n == PEOPLE + SENDERS + SPENDERS + 1 -> run Follower(n); n++
    :: else -> break
    od;
#ifndef LEASE_WITHOUT_END
    run Clock();
#endif
    run Provider();
    n = 0
  }
}

#ifdef LIVE
#define waits_0 (intent[0].is_there)
#define waits_1 (intent[1].is_there)
ltl ended { [] ((waits_0 -> <> !waits_0) && (waits_1 -> <> !waits_1)) }
#endif
