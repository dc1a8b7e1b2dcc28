/* Deliver, merge, book, spend: one account, one order, two payments for it, and what is heard about them.

   Every `d_step` that touches a global is one round trip of the code: the reading of one item, or one transaction under
   the conditions that `ledger.ports.commit.Commit` states. Between any two of them others run, or the caller crashes and the
   provider delivers again. docs/model.md says which step is which function, and what is left out.

   A version is modelled by what it is for: whether anybody wrote the item since it was read (`is_current`). */

#ifndef DELIVERERS
#define DELIVERERS 2   /* deliveries at one moment */
#endif
#ifndef SPENDERS
#define SPENDERS 1     /* callers at one moment that draw one run, and let it fail */
#endif
#ifndef EVENTS
#define EVENTS 255     /* which events the provider has, a bit for each */
#endif
#ifndef BACK
#define BACK 1         /* credits that a refund takes back */
#endif
#define GRANTED 2      /* credits that the order gives */
#define RUN 1          /* credits that the run draws */
#ifndef LAST
#define LAST WON       /* how the dispute ends: WON or LOST */
#endif

/* The events, and what they say. */
#define PAID_1 0       /* the first payment, named by its PaymentIntent */
#define PAID_1_TOO 1   /* the same by another event, which links its charge too */
#define PAID_2 2       /* a second payment for the order, later by the provider's time */
#define LINKED 3       /* PaymentIntent and charge are one payment */
#define REFUNDED 4     /* a refund of the charge succeeded */
#define REFUND_FAILED 5
#define DISPUTED 6     /* a dispute of the PaymentIntent is open */
#define DISPUTE_ENDED 7
#define REFUNDED_2 8   /* a refund of the second payment succeeded */
#define HAPPENS(e) ((EVENTS >> (e)) & 1)

/* Where items lie: the two PaymentIntents, the charge of the first, the account, the claim, the lot once it closed. */
#define PI_1 0
#define CH_1 1
#define PI_2 2
#define ACCOUNT 3
#define CLAIM 4
#define CLOSED_LOT 5
#define RUN_ITEM 6
#define BIT(item) (1 << (item))
#define NOBODY 3

/* The states of facts, in the order in which they supersede each other. */
#define NONE 0
#define SUCCEEDED 1
#define FAILED 2
#define OPEN 1
#define WON 2
#define LOST 3

typedef Purchase {
  bit is_there; bit is_pointer;      /* a pointer leads from CH_1 to PI_1 */
  bit knows_charge;                  /* CH_1 is one of its names */
  bit is_paid; bit is_duplicate;
  unsigned refund : 2; unsigned dispute : 2
};
typedef Lot {
  bit is_there;
  unsigned drawn : 2; unsigned refunded : 2; unsigned disputed : 2;
  unsigned refund_target : 2; unsigned dispute_target : 2;
  bit is_frozen
};

/* What is stored. */
bool receipt[9];
Purchase stored[3];
byte claim = NOBODY;                 /* the original: PI_1 or PI_2 */
Lot lot, closed;                     /* on the account; as it was when it last closed */
bit is_held, is_flagged;             /* by the dispute of PI_1; PI_2 is a duplicate charge */
byte run_is = 0;                     /* 0 not drawn, 1 drawn, 2 failed: what it drew is returned */
byte grants = 0;                     /* entries of the kind */
short sales = 0, usage = 0, refunds = 0, disputes = 0; /* sums of entries by counter-account, as the lot's figures */

/* What is true of the callers. */
byte is_current[DELIVERERS + SPENDERS]; /* of what each has read: bits of the items nobody wrote since */
bool acknowledged[9];                /* the provider was answered 200 */
byte busy = 0;
#ifdef LIVE
byte crashes = 1;
#endif

/* Scratch of one d_step: no part of the state. */
hidden byte i, at, other, t_refund, t_dispute, takeable;
hidden byte ok, is_news, points, absorbs, writes, moved, changes, replaces, owns, t_frozen, was_there, held, flagged;
hidden byte new_refund, new_dispute, v_drawn, v_refunded, v_disputed;
hidden byte b_paid, new_paid, new_duplicate, knows;
hidden byte b_refund, b_dispute, s_refund, s_dispute;
hidden byte s_frozen, was_duplicate, closes;

#define CONDITION(guard, condition) if :: (guard) && !(condition) -> ok = 0 :: else fi

#define READ(item) (is_current[me] & BIT(item))

inline write(item) {                 /* whoever read it before has read an old version */
  i = 0;
  do
  :: i < DELIVERERS + SPENDERS -> is_current[i] = is_current[i] & ~BIT(item); i++
  :: else -> break
  od
}

inline have(item) {
  got = got | BIT(item); need = need & ~BIT(item); is_current[me] = is_current[me] | BIT(item)
}

inline copy_purchase(to, from) {
  to.is_there = from.is_there; to.is_pointer = from.is_pointer; to.knows_charge = from.knows_charge;
  to.is_paid = from.is_paid; to.is_duplicate = from.is_duplicate; to.refund = from.refund; to.dispute = from.dispute
}

inline copy_lot(to, from) {
  to.is_there = from.is_there; to.drawn = from.drawn; to.refunded = from.refunded; to.disputed = from.disputed;
  to.refund_target = from.refund_target; to.dispute_target = from.dispute_target; to.is_frozen = from.is_frozen
}

inline clear_purchase(what) {
  what.is_there = 0; what.is_pointer = 0; what.knows_charge = 0; what.is_paid = 0; what.is_duplicate = 0;
  what.refund = 0; what.dispute = 0
}

inline clear_lot(what) {
  what.is_there = 0; what.drawn = 0; what.refunded = 0; what.disputed = 0; what.refund_target = 0;
  what.dispute_target = 0; what.is_frozen = 0
}

/* ledger.domain.purchases.target: what the lot should hold. Money that went back twice counts once. */
inline target(refund_, dispute_) {
  t_refund = (refund_ == SUCCEEDED -> BACK : 0);
  t_dispute = (dispute_ == LOST -> GRANTED - t_refund : 0);
  t_frozen = (dispute_ == OPEN)
}

/* ledger.domain.lots.Lot.rebalance: v_refunded and v_disputed of a lot with v_drawn, t_refund and t_dispute. */
inline settle() {
  takeable = GRANTED - v_drawn;
  v_refunded = (t_refund < takeable -> t_refund : takeable);
  takeable = takeable - v_refunded;
  v_disputed = (t_dispute < takeable -> t_dispute : takeable)
}

/* The account's update and the entries: what was read becomes what is wanted, and each difference is an entry. */
inline book(old, drawn_, refund_target_, dispute_target_, frozen_) {
  v_drawn = drawn_; t_refund = refund_target_; t_dispute = dispute_target_;
  settle();
  grants = grants + !old.is_there;
  sales = sales + (old.is_there -> 0 : GRANTED);
  usage = usage + v_drawn - old.drawn;
  refunds = refunds + v_refunded - old.refunded;
  disputes = disputes + v_disputed - old.disputed;
  lot.is_there = 1; lot.drawn = v_drawn; lot.refunded = v_refunded; lot.disputed = v_disputed;
  lot.refund_target = t_refund; lot.dispute_target = t_dispute; lot.is_frozen = frozen_;
#ifdef CLOSES /* Lot.is_closed: nothing remains and nothing can come, so the lot leaves its account */
  closes = (GRANTED == lot.drawn + lot.refunded + lot.disputed && !lot.is_frozen
            && lot.refund_target + lot.dispute_target == lot.refunded + lot.disputed);
  if
  :: closes -> copy_lot(closed, lot); clear_lot(lot); write(CLOSED_LOT)
  :: else
  fi
#endif
}

/* ── The invariants: tools/verify, at every commit. What broke is told by the name above the assertion ─────────── */

#define THE(figure) (lot.is_there -> lot.figure : closed.figure)
#define ORIGINAL (stored[PI_1].is_paid && !stored[PI_1].is_duplicate -> PI_1 : PI_2)
#define HAS_PAID (stored[PI_1].is_paid || stored[PI_2].is_paid)
#define REMAINING (lot.is_there -> GRANTED - lot.drawn - lot.refunded - lot.disputed : 0)

inline verify() {
  /* _balances */
  assert(REMAINING == sales - usage - refunds - disputes);
  /* _lots */
  assert(sales == (lot.is_there || closed.is_there -> GRANTED : 0));
  assert(usage == THE(drawn) && refunds == THE(refunded) && disputes == THE(disputed));
  /* _granted_once */
  assert(grants == HAS_PAID);
  /* _within_grant */
  assert(THE(drawn) + THE(refunded) + THE(disputed) <= GRANTED);
  assert(THE(refunded) <= THE(refund_target) && THE(disputed) <= THE(dispute_target));
  /* _on_target */
  if
  :: HAS_PAID ->
    target(stored[ORIGINAL].refund, stored[ORIGINAL].dispute);
    assert(THE(refund_target) == t_refund && THE(dispute_target) == t_dispute && THE(is_frozen) == t_frozen);
    v_drawn = THE(drawn);
    settle();
    assert(THE(refunded) == v_refunded && THE(disputed) == v_disputed)
  :: else
  fi;
  /* _held */
  assert(is_held == (stored[PI_1].is_paid && (stored[PI_1].dispute == OPEN || stored[PI_1].dispute == LOST)));
  assert(is_flagged == (stored[PI_2].is_duplicate && !(stored[PI_2].refund == SUCCEEDED && BACK == GRANTED)));
  /* _paid_once */
  assert(!stored[PI_1].is_duplicate);
  assert(stored[PI_2].is_duplicate == (stored[PI_1].is_paid && stored[PI_2].is_paid));
  assert(claim == (stored[PI_1].is_paid -> PI_1 : (stored[PI_2].is_paid -> PI_2 : NOBODY)));
  /* _linked */
  assert(!stored[CH_1].is_pointer || (stored[PI_1].is_there && stored[PI_1].knows_charge));
  /* _drawn */
  assert(usage == (run_is == 1 -> RUN : 0))
}

#define HEARD(e) (!HAPPENS(e) || acknowledged[e])
#define IS_QUIET (busy == 0 && HEARD(0) && HEARD(1) && HEARD(2) && HEARD(3) && HEARD(4) && HEARD(5) && HEARD(6) \
                  && HEARD(7) && HEARD(8))
#define REFUND_OF_1 (HAPPENS(REFUND_FAILED) -> FAILED : (HAPPENS(REFUNDED) -> SUCCEEDED : NONE))
#define DISPUTE_OF_1 (HAPPENS(DISPUTE_ENDED) -> LAST : (HAPPENS(DISPUTED) -> OPEN : NONE))
#define IS_LINKED (HAPPENS(LINKED) || HAPPENS(PAID_1_TOO))
#define CHARGE (IS_LINKED -> PI_1 : CH_1)

/* Convergence: all was heard, so the ledger is on the target of *all* facts, whatever the order was. */
inline converged() {
  if
  :: IS_QUIET ->
    assert(stored[PI_1].is_paid == (HAPPENS(PAID_1) || HAPPENS(PAID_1_TOO)));
    assert(stored[PI_2].is_paid == HAPPENS(PAID_2));
    assert(stored[CHARGE].refund == REFUND_OF_1 && stored[PI_1].dispute == DISPUTE_OF_1);
    assert(stored[PI_2].refund == (HAPPENS(REFUNDED_2) -> SUCCEEDED : NONE));
    assert(stored[CH_1].is_pointer == IS_LINKED);
    verify()
  :: else
  fi
}

/* ── A delivery: ledger.usecases.record_event.record_event ───────────────────────────────────────────────────────────────────────────────── */

#define HAS_PAYMENT (event <= PAID_2)
#define BEST (event == PAID_2 || event == REFUNDED_2 -> PI_2 : (event == REFUNDED || event == REFUND_FAILED -> CH_1 : PI_1))
#define NAMES_BOTH (event == LINKED || event == PAID_1_TOO)
#ifdef RECEIPT_APART /* marked as heard before it is booked, so the receipt says nothing of that */
#define IS_DONE ok
#else
#define IS_DONE (ok || receipt[event])
#endif

/* ledger.usecases.plan_booking.plan_first_grant: nothing was read, so each item's condition is that nothing stands in the way. */
inline grant_unread() {
  at = BEST;
  ok = 1;
#if !defined(NO_RECEIPT) && !defined(RECEIPT_APART)
  CONDITION(1, !receipt[event]);
#endif
#ifndef BLIND_OVER_PURCHASE
  CONDITION(1, !stored[at].is_there);
#endif
#ifndef NO_POINTER_CONDITION
  CONDITION(NAMES_BOTH, !stored[CH_1].is_there || stored[CH_1].is_pointer);
#endif
#ifndef NO_FULFILMENT_KEY_CONDITION
  CONDITION(1, claim == NOBODY || claim == at);
#endif
#ifndef NO_LOT_CONDITION
  CONDITION(1, !lot.is_there);
#endif
#ifndef NO_ENTRY_CONDITION
  CONDITION(1, grants == 0);
#endif
  if
  :: ok ->
    clear_purchase(stored[at]);
    stored[at].is_there = 1; stored[at].is_paid = 1; stored[at].knows_charge = NAMES_BOTH;
    write(at);
    if
    :: NAMES_BOTH -> clear_purchase(stored[CH_1]); stored[CH_1].is_there = 1; stored[CH_1].is_pointer = 1; write(CH_1)
    :: else
    fi;
    claim = at;
    grants++; sales = sales + GRANTED;
    clear_lot(lot); lot.is_there = 1;
    write(ACCOUNT);
    receipt[event] = 1;
    verify()
  :: else
  fi
}

/* ledger.usecases.plan_booking.plan_event, then Store.commit: from the copies that were read to one transaction. ok: it was written. */
inline plan_and_commit() {
  ok = 1;
  /* whose facts these are, and what is absorbed */
  at = (BEST == CH_1 && my[CH_1].is_pointer -> PI_1 : BEST);
  absorbs = (NAMES_BOTH && my[CH_1].is_there && !my[CH_1].is_pointer);
  points = (NAMES_BOTH && !my[CH_1].is_pointer);
  /* ledger.domain.facts.merge */
  b_paid = my[at].is_paid; b_refund = my[at].refund; b_dispute = my[at].dispute;
  new_paid = (b_paid || HAS_PAYMENT);
  new_refund = b_refund; new_dispute = b_dispute;
  if :: absorbs && my[CH_1].refund > new_refund -> new_refund = my[CH_1].refund :: else fi;
  if :: absorbs && my[CH_1].dispute > new_dispute -> new_dispute = my[CH_1].dispute :: else fi;
  if
  :: (event == REFUNDED || event == REFUNDED_2) && new_refund < SUCCEEDED -> new_refund = SUCCEEDED
  :: event == REFUND_FAILED -> new_refund = FAILED
  :: event == DISPUTED && new_dispute < OPEN -> new_dispute = OPEN
  :: event == DISPUTE_ENDED -> new_dispute = LAST
  :: else
  fi;
  is_news = (absorbs || new_paid != b_paid || new_refund != b_refund || new_dispute != b_dispute);
  writes = (is_news || points);
  /* _claim: the original is the payment that is least by time and id */
  new_duplicate = my[at].is_duplicate; replaces = 0; owns = 0;
  other = (at == PI_1 -> PI_2 : PI_1);
  if
  :: new_paid && !b_paid ->
    if
    :: my_claim == other && other == PI_1 -> new_duplicate = 1
    :: my_claim == other && other == PI_2 -> replaces = 1; owns = 1
    :: else -> owns = 1
    fi
  :: else
  fi;
  /* _book: the difference between the target and what was read of the account */
  changes = 0;
  held = my_held; flagged = my_flagged;
  if
  :: is_news && new_paid ->
    if
    :: at == PI_1 -> held = (new_dispute == OPEN || new_dispute == LOST)
    :: else
    fi;
    if
    :: at == PI_2 -> flagged = (new_duplicate && !(new_refund == SUCCEEDED && BACK == GRANTED))
    :: replaces -> flagged = !(my[PI_2].refund == SUCCEEDED && BACK == GRANTED)
    :: else
    fi;
    target(b_refund, b_dispute);
    s_refund = t_refund; s_dispute = t_dispute; s_frozen = t_frozen;
    target(new_refund, new_dispute);
    was_there = (my_lot.is_there || my_closed.is_there);
#define MY(figure) (my_lot.is_there -> my_lot.figure : my_closed.figure)
    if
    :: new_duplicate -> moved = (!b_paid || s_refund != t_refund) /* its flag moves with its refund */
    :: else ->
      moved = (!b_paid || replaces || s_refund != t_refund || s_dispute != t_dispute || s_frozen != t_frozen);
      changes = (!was_there || MY(refund_target) != t_refund || MY(dispute_target) != t_dispute
                 || MY(is_frozen) != t_frozen)
    fi;
    if :: held != my_held || flagged != my_flagged -> changes = 1 :: else fi;
#ifndef TRUST_A_TORN_READ
    if :: moved -> changes = 1 :: else fi
#endif
  :: else
  fi;
  /* the conditions */
#if !defined(NO_RECEIPT) && !defined(RECEIPT_APART)
  CONDITION(1, !receipt[event]);
#endif
#ifndef NO_PURCHASE_VERSION
  CONDITION(writes, READ(at));
#endif
#ifndef NO_RIVAL_VERSION
  CONDITION(replaces, READ(PI_2));
#endif
#ifndef NO_POINTER_CONDITION
  if
  :: absorbs -> CONDITION(1, READ(CH_1))
  :: else -> CONDITION(points, !stored[CH_1].is_there || stored[CH_1].is_pointer)
  fi;
#endif
#ifndef NO_FULFILMENT_KEY_CONDITION
  CONDITION(owns, claim == NOBODY || claim == (replaces -> other : at));
#endif
#ifndef NO_ACCOUNT_VERSION
  CONDITION(changes, READ(ACCOUNT));
#endif
#ifndef NO_ENTRY_CONDITION
  CONDITION(changes && !new_duplicate && !was_there, grants == 0);
#endif
  if
  :: ok ->
    if
    :: writes ->
      stored[at].is_there = 1; stored[at].is_pointer = 0; stored[at].is_paid = new_paid;
      stored[at].is_duplicate = new_duplicate; stored[at].refund = new_refund; stored[at].dispute = new_dispute;
      stored[at].knows_charge = (my[at].knows_charge || NAMES_BOTH);
      write(at)
    :: else
    fi;
    if
    :: replaces -> copy_purchase(stored[PI_2], my[PI_2]); stored[PI_2].is_duplicate = 1; write(PI_2)
    :: else
    fi;
    if
    :: points -> clear_purchase(stored[CH_1]); stored[CH_1].is_there = 1; stored[CH_1].is_pointer = 1; write(CH_1)
    :: else
    fi;
    if :: owns -> claim = at :: else fi;
    if
    :: changes ->
      is_held = held; is_flagged = flagged;
      if
      :: new_duplicate
      :: !new_duplicate && my_lot.is_there -> book(my_lot, my_lot.drawn, t_refund, t_dispute, t_frozen)
      :: else -> book(my_closed, my_closed.drawn, t_refund, t_dispute, t_frozen)
      fi;
      write(ACCOUNT)
    :: else
    fi;
    receipt[event] = 1;
    verify()
  :: else
  fi
}

inline forget() {
  clear_purchase(my[0]); clear_purchase(my[1]); clear_purchase(my[2]); clear_lot(my_lot); clear_lot(my_closed);
  my_claim = NOBODY; my_held = 0; my_flagged = 0; is_current[me] = 0; need = 0; got = 0
}

#ifdef LIVE
#define MAY_CRASH crashes > 0
#define CRASH crashes--
#define TO_DELIVER(e) (HAPPENS(e) && !acknowledged[e])
#else
#ifdef NO_FAULTS
#define MAY_CRASH false
#else
#define MAY_CRASH true
#endif
#define CRASH skip
#define TO_DELIVER(e) HAPPENS(e)
#endif

proctype Deliverer(byte me) {
  byte event, need, got;
  Purchase my[3];
  Lot my_lot, my_closed;
  byte my_claim = NOBODY;
  bit my_held, my_flagged, known;

end_idle:
  atomic {
    if
    :: TO_DELIVER(0) -> event = 0
    :: TO_DELIVER(1) -> event = 1
    :: TO_DELIVER(2) -> event = 2
    :: TO_DELIVER(3) -> event = 3
    :: TO_DELIVER(4) -> event = 4
    :: TO_DELIVER(5) -> event = 5
    :: TO_DELIVER(6) -> event = 6
    :: TO_DELIVER(7) -> event = 7
    :: TO_DELIVER(8) -> event = 8
    fi;
    busy++;
#ifdef RECEIPT_APART
    known = receipt[event];
    if :: known -> goto acknowledge :: else -> receipt[event] = 1 fi
#endif
    if :: HAS_PAYMENT :: else -> goto read fi
  };
  atomic { /* without reading */
    d_step { grant_unread(); known = IS_DONE };
    if :: known -> goto acknowledge :: else fi;
    /* is_known: the stored purchase, which the refusal told, says all that this event says */
#ifdef FORGET_THE_LINK
    known = stored[BEST].is_paid;
#else
    known = (stored[BEST].is_paid && (!NAMES_BOTH || stored[BEST].knows_charge));
#endif
    if :: known -> known = 0 :: else -> goto read fi
  };
  atomic { receipt[event] = 1; goto acknowledge }; /* alone: it says nothing but that this event was heard */

read:
  atomic {
    forget();
    need = BIT(BEST) | BIT(ACCOUNT);
    if :: NAMES_BOTH -> need = need | BIT(CH_1) :: else fi;
    if :: HAS_PAYMENT -> need = need | BIT(CLAIM) :: else fi;
#ifdef CLOSES
    need = need | BIT(CLOSED_LOT);
#endif
  };
  do /* item by item, in any order, but for what another item leads to */
  :: need & BIT(PI_1) -> d_step { copy_purchase(my[PI_1], stored[PI_1]); have(PI_1) }
  :: need & BIT(PI_2) -> d_step { copy_purchase(my[PI_2], stored[PI_2]); have(PI_2) }
  :: need & BIT(CH_1) -> d_step {
      copy_purchase(my[CH_1], stored[CH_1]); have(CH_1);
      if :: my[CH_1].is_pointer && !(got & BIT(PI_1)) -> need = need | BIT(PI_1) :: else fi
    }
  :: need & BIT(ACCOUNT) -> d_step {
      copy_lot(my_lot, lot); my_held = is_held; my_flagged = is_flagged; have(ACCOUNT)
    }
  :: need & BIT(CLOSED_LOT) -> d_step { copy_lot(my_closed, closed); have(CLOSED_LOT) }
  :: need & BIT(CLAIM) -> d_step {
      my_claim = claim; have(CLAIM);
      if :: my_claim != NOBODY && my_claim != BEST -> need = need | BIT(my_claim) :: else fi
    }
  :: atomic { need == 0 -> d_step { plan_and_commit(); known = IS_DONE };
      if :: known -> goto acknowledge :: else -> goto read fi
    }
  :: atomic { need == 0 && MAY_CRASH -> CRASH; goto stop } /* sooner comes to the same: nothing was written */
  od;

acknowledge:
  atomic {
    if :: acknowledged[event] = 1 :: MAY_CRASH -> CRASH fi; /* written, but the answer is lost */
    goto stop
  };
stop:
  atomic {
    d_step { forget(); event = 0; known = 0; busy--; converged() };
    goto end_idle
  }
}

/* ── A run: ledger.usecases.usage.draw_credits and fail_run ───────────────────────────────────────────────────────────────────────── */

inline lead_to_closed_lot() {
  if
  :: need == 0 && fails && my_run == 1 && !my_lot.is_there -> need = BIT(CLOSED_LOT)
  :: else
  fi
}

#ifdef NO_RUN_CONDITION
#define RUN_IS_AS_READ 1
#else
#define RUN_IS_AS_READ READ(RUN_ITEM)
#endif

/* Plan and commit. known: it is drawn, returned or refused; else the caller was overtaken and reads again. */
inline draw_or_return() {
  known = 1;
  ok = 1;
#ifndef SPEND_WITHOUT_VERSION
  CONDITION(1, READ(ACCOUNT));
#endif
#ifndef NO_RUN_CONDITION
  CONDITION(1, READ(RUN_ITEM));
#endif
  if
  :: (!fails && my_run == 0 && !my_held && my_lot.is_there && !my_lot.is_frozen
      && GRANTED - my_lot.drawn - my_lot.refunded - my_lot.disputed >= RUN) ->
    if
    :: ok ->
      book(my_lot, my_lot.drawn + RUN, my_lot.refund_target, my_lot.dispute_target, my_lot.is_frozen);
      write(ACCOUNT); run_is = 1; write(RUN_ITEM); verify()
    :: else -> known = 0
    fi
  :: fails && my_run == 1 ->
    if
    :: ok && my_lot.is_there ->
      book(my_lot, my_lot.drawn - RUN, my_lot.refund_target, my_lot.dispute_target, my_lot.is_frozen);
      write(ACCOUNT); run_is = 2; write(RUN_ITEM); verify()
    :: ok && !my_lot.is_there ->
      book(my_closed, my_closed.drawn - RUN, my_closed.refund_target, my_closed.dispute_target, my_closed.is_frozen);
      write(ACCOUNT); run_is = 2; write(RUN_ITEM); verify()
    :: else -> known = 0
    fi
  :: fails && my_run == 0 -> /* told before its draw; of the account nothing is changed, or asked */
    if
    :: RUN_IS_AS_READ -> run_is = 2; write(RUN_ITEM); verify()
    :: else -> known = 0
    fi
  :: else /* refused, or drawn or returned before: nothing to write */
  fi
}

proctype Spender(byte me) {
  byte my_run, need, got;
  Lot my_lot, my_closed;
  bit my_held, known, fails;

end_idle:
  atomic {
    if
    :: fails = 0
    :: fails = 1
    fi;
    busy++
  };
read:
  atomic { is_current[me] = 0; clear_lot(my_lot); clear_lot(my_closed); got = 0; need = BIT(RUN_ITEM) | BIT(ACCOUNT) };
  do
  :: need & BIT(RUN_ITEM) -> d_step { my_run = run_is; have(RUN_ITEM); lead_to_closed_lot() }
  :: need & BIT(ACCOUNT) -> d_step { copy_lot(my_lot, lot); my_held = is_held; have(ACCOUNT); lead_to_closed_lot() }
  :: need & BIT(CLOSED_LOT) -> d_step { copy_lot(my_closed, closed); have(CLOSED_LOT) }
  :: atomic { need == 0 -> d_step { draw_or_return() }; if :: known -> goto stop :: else -> goto read fi }
  :: atomic { need == 0 && MAY_CRASH -> CRASH; goto stop }
  od;
stop:
  atomic {
    d_step {
      my_run = 0; need = 0; got = 0; clear_lot(my_lot); clear_lot(my_closed); my_held = 0; known = 0; fails = 0;
      is_current[me] = 0; busy--; converged()
    };
    goto end_idle
  }
}

init {
  byte n;
  atomic {
    do
    :: n < DELIVERERS -> run Deliverer(n); n++
    :: n >= DELIVERERS && n < DELIVERERS + SPENDERS -> run Spender(n); n++
    :: else -> break
    od;
    n = 0
  }
}

#ifdef LIVE
#define ALL_HEARD (HEARD(0) && HEARD(1) && HEARD(2) && HEARD(3) && HEARD(4) && HEARD(5) && HEARD(6) && HEARD(7) && HEARD(8))
ltl booked { <> (ALL_HEARD) }
#endif
