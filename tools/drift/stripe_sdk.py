"""The vocabulary of stripe-python: its resources declare each field with its type, generated from Stripe's OpenAPI.

class Dispute(…):
    class PaymentMethodDetails(StripeObject): …      a part, declared within the resource
    amount: int                                      a field
    balance_transactions: List["BalanceTransaction"] another object
    charge: ExpandableField["Charge"]                another object's id: notifications never expand it
    status: Union[Literal["lost", "won"], str]       an open enum; some are only listed in the text below a `str`
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.drift.vocabulary import (
    Attribute,
    UnreadableSdk,
    Vocabulary,
    Word,
    arguments,
    attributes,
    classes,
    head,
    imports,
    parsed,
    unquoted,
)

OBJECTS: Mapping[str, tuple[str, str]] = {
    "event": ("_event.py", "Event"),
    "checkout.session": ("checkout/_session.py", "Session"),
    "invoice": ("_invoice.py", "Invoice"),
    "line_item": ("_invoice_line_item.py", "InvoiceLineItem"),
    "invoice_payment": ("_invoice_payment.py", "InvoicePayment"),
    "charge": ("_charge.py", "Charge"),
    "refund": ("_refund.py", "Refund"),
    "dispute": ("_dispute.py", "Dispute"),
    "balance_transaction": ("_balance_transaction.py", "BalanceTransaction"),
    "radar.early_fraud_warning": ("radar/_early_fraud_warning.py", "EarlyFraudWarning"),
    "subscription": ("_subscription.py", "Subscription"),
    "subscription_item": ("_subscription_item.py", "SubscriptionItem"),
    "price": ("_price.py", "Price"),
    "credit_note": ("_credit_note.py", "CreditNote"),
    "credit_note_line_item": ("_credit_note_line_item.py", "CreditNoteLineItem"),
}
"""The objects of the vocabulary, by Stripe's own names: the file and the class of each."""

EVENT_TYPES = ("event", "type")
_ENDPOINT = "params/_webhook_endpoint_create_params.py"

_SCALARS = {"int", "str", "bool", "float", "Decimal", "Any", "UntypedStripeObject", "Dict", "StripeObject"}
_NAMES = {class_name: name for name, (_, class_name) in OBJECTS.items()}

_VALUE = re.compile("`([a-z0-9_]+)`")
_LIST = re.compile("(?:[Oo]ne of|can be|values are:?|are either) ((?:(?:, |,? or )?`[a-z0-9_]+`)+)")

_Fields = Iterator[tuple[str, Word]]


def vocabulary(package_dir: Path) -> Vocabulary:
    """Return the vocabulary of the package `stripe` in a directory. Raise UnreadableSdk.

    An object whose file or class is not there is left out: `drift` reports it.
    """
    words: dict[str, dict[str, Word]] = {}
    for name, (file, class_name) in OBJECTS.items():
        resource = classes(parsed(package_dir / file).body).get(class_name) if (package_dir / file).exists() else None
        if resource is not None:
            words[name] = dict(_Resource(package_dir, package_dir / file).fields(resource))
    name, path = EVENT_TYPES
    if event := words.get(name):
        event[path] = Word(event.get(path, Word()).values | _enabled_events(package_dir))
    return words


def _enabled_events(package_dir: Path) -> frozenset[str]:
    """Return the types that an endpoint can subscribe to, without `*` for all of them."""
    for node in ast.walk(parsed(package_dir / _ENDPOINT)):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "enabled_events":
            return _literals(node.annotation) - {"*"}
    raise UnreadableSdk(f"{package_dir / _ENDPOINT} declares no enabled_events.")


def _literals(annotation: ast.expr) -> frozenset[str]:
    return frozenset(
        item.value
        for node in ast.walk(annotation)
        if isinstance(node, ast.Subscript) and head(node) == "Literal"
        for item in _values_of(node)
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )


def _listed(description: str) -> frozenset[str]:
    """Return the values that a description lists: some enums are declared as texts."""
    lists = "".join(_LIST.findall(description))
    return frozenset(_VALUE.findall(lists))


def _values_of(literal: ast.Subscript) -> list[ast.expr]:
    return list(literal.slice.elts) if isinstance(literal.slice, ast.Tuple) else [literal.slice]


class _Resource:
    """One file of the SDK, during reading."""

    def __init__(self, package_dir: Path, file: Path) -> None:
        self.package_dir = package_dir
        self.file = file

    def fields(self, node: ast.ClassDef, scope: Sequence[ast.ClassDef] = (), prefix: str = "") -> _Fields:
        """Yield the path and the word of each field of a class and of its parts. `scope`: the classes around it."""
        for attribute in attributes(node):
            yield from self._field(f"{prefix}{attribute.name}", attribute, (*scope, node))

    def _field(self, path: str, attribute: Attribute, scope: Sequence[ast.ClassDef]) -> _Fields:
        kinds = list(_alternatives(attribute.annotation))
        values = _listed(attribute.description) if {head(kind) for kind in kinds} <= {"str", "None"} else frozenset()
        referred: str | None = None
        parts: list[tuple[str, Word]] = []
        for kind in kinds:
            element, inside = kind, f"{path}."
            while isinstance(element, ast.Subscript) and head(element) == "List":
                (element,) = arguments(element)
                inside = f"{inside.removesuffix('.')}[]."
            for item in _alternatives(element):
                values |= _literals(item)
                if isinstance(item, ast.Subscript) and head(item) == "ListObject":
                    (listed,) = arguments(item)
                    parts += self._list_object(inside, listed, scope)
                elif (part := self._part(item, scope)) is not None:
                    owner, inner_scope = part
                    parts += self.fields(owner, inner_scope, inside)
                else:
                    referred = referred or self._referred(path, item)
        yield path, Word(values, referred)
        yield from parts

    def _list_object(self, prefix: str, listed: ast.expr, scope: Sequence[ast.ClassDef]) -> _Fields:
        """Yield the fields of a page of a list. Its elements are of the type `listed`."""
        file = self.package_dir / "_list_object.py"
        page = classes(parsed(file).body).get("ListObject")
        if page is None:
            raise UnreadableSdk(f"{file} declares no ListObject.")
        for attribute in attributes(page):
            if head(attribute.annotation) == "List":
                elements = ast.Subscript(value=ast.Name(id="List"), slice=listed)
                attribute = Attribute(attribute.name, elements, attribute.description)
            yield from self._field(f"{prefix}{attribute.name}", attribute, scope)

    def _part(
        self, item: ast.expr, scope: Sequence[ast.ClassDef]
    ) -> tuple[ast.ClassDef, Sequence[ast.ClassDef]] | None:
        """Return the class of a part that one of the classes around it declares, and the classes around that one."""
        if not isinstance(item, ast.Name):
            return None
        for depth in range(len(scope), 0, -1):
            if (found := classes(scope[depth - 1].body).get(item.id)) is not None:
                return found, scope[:depth]
        return None

    def _referred(self, path: str, item: ast.expr) -> str | None:
        """Return the object that a type is. None for texts, numbers, free maps, and ids that can be expanded."""
        name = head(item)
        if name in _SCALARS or name in {"Literal", "ExpandableField"}:
            return None
        if isinstance(item, ast.Name) and (name in imports(self.file) or name in classes(parsed(self.file).body)):
            return _NAMES.get(name, name)
        raise UnreadableSdk(f"{self.file}: {path} is of an unknown kind of type, {ast.unparse(item)}.")


def _alternatives(annotation: ast.expr) -> Iterator[ast.expr]:
    """Yield the types of which a value can be one. `Optional` and `Union` are opened."""
    annotation = unquoted(annotation)
    if isinstance(annotation, ast.Subscript) and head(annotation) in {"Optional", "Union"}:
        for item in arguments(annotation):
            yield from _alternatives(item)
    else:
        yield annotation
