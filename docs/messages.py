"""The messages of the system checks, as the source of their rules has them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType

from jwt_refresh import checks, lifetimes
from jwt_refresh.checks import caches, cookies, deploy, hooks, keys, rules, types
from jwt_refresh.contrib.simplejwt import checks as moving
from jwt_refresh.core.keys import config

RULES = (checks, types, rules, keys, hooks, caches, cookies, deploy, moving)
FAULTS = (config, lifetimes)
"""The modules that find the faults of which some rules tell."""
UNKNOWN = "…"
"""Stands for what only a run would tell."""

Message = tuple[str, str, str, str]
"""Id, settings, what is said of them, and what to do."""


def messages() -> list[Message]:
    """Return all of them, by id, each once."""
    return sorted({message for module in RULES + FAULTS for message in _messages_of(module)})


def deployed() -> set[str]:
    """Return the ids that ``check --deploy`` alone looks for."""
    names = {rule.__name__ for rule in deploy.RULES + cookies.DEPLOY_RULES}
    functions = (it for module in (deploy, cookies) for it in functions_of(module))
    code = "".join(ast.unparse(it) for it in functions if it.name in names)
    return set(re.findall(r"\b[EWI]\d{3}\b", code))


def functions_of(module: ModuleType) -> Iterator[ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(module))
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _messages_of(module: ModuleType) -> Iterator[Message]:
    for function in functions_of(module):
        texts = Texts(module, function)
        for call in texts.calls():
            check, names, said, todo = _read(call, texts.of)
            if said.strip(".") == UNKNOWN:
                # A fault that another function finds: that one tells it, or this docstring.
                said = ast.get_docstring(function) or ""
            if said and re.fullmatch(r"[EWI]\d{3}", check):
                yield check, names, said, todo


def _read(call: ast.Call | ast.Tuple, of: Callable[[ast.expr], str]) -> Message:
    """Return the message that a call makes: with empty texts, where it makes none."""
    match call:
        case ast.Call(func=ast.Name(id="error" | "warning"), args=[check, name, said, todo]):
            return of(check), of(name), of(said), of(todo)
        case ast.Call(func=ast.Name(id="Error" | "Warning" | "Info"), args=[said]):
            given = {keyword.arg: of(keyword.value) for keyword in call.keywords}
            setting, _, rest = of(said).rpartition("] ")
            if not setting.startswith("JWT_REFRESH["):
                setting, rest = "", of(said)
            setting = setting.removeprefix("JWT_REFRESH[")
            return given["id"].removeprefix("jwt_refresh."), setting, rest, given.get("hint", "")
        case ast.Call(func=ast.Name(id="KeyConfigError"), args=[name, said, todo]):
            return keys.IDS.get(of(name).partition(", ")[0], ""), of(name), of(said), of(todo)
        case ast.Tuple(elts=[ast.Constant(value=str(field)), said, todo]):
            return "E005", rules.SETTING_OF.get(field, ""), f"{of(said)}.", of(todo)
    return "", "", "", ""


class Texts:
    """The texts that a function assigns and passes on, as far as its source tells them."""

    def __init__(self, module: ModuleType, function: ast.FunctionDef) -> None:
        self.module = vars(module)
        self.function = function
        self.names: dict[str, str] = {}

    def calls(self) -> Iterator[ast.Call | ast.Tuple]:
        """Yield each call, and each tuple that is yielded, once the texts before it are known."""
        nodes = [it for it in ast.walk(self.function) if isinstance(it, ast.expr | ast.stmt)]
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self.names[name] = self.of(value)
                case ast.AugAssign(target=ast.Name(id=name), value=value):
                    self.names[name] += self.of(value)
                case ast.For(target=ast.Name(id=name) | ast.Tuple(elts=[ast.Name(id=name), *_])):
                    self.names[name] = self._members(node.iter)
                case ast.Yield(value=ast.Tuple() as value):
                    yield value
                case ast.Call():
                    yield node

    def of(self, node: ast.expr) -> str:
        """Return the text of an expression; of several names of settings, all, with commas."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(map(self.of, parts))
            case ast.FormattedValue(value=value):
                return self.of(value)
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Name(id=name) if isinstance(self.module.get(name), int):
                return f"{self.module[name]:,}"
            case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
                texts = self.of(one), self.of(other)
                return ", ".join(texts) if all(map(str.isupper, texts)) else texts[0]
            case ast.ListComp(elt=ast.Tuple(elts=[first, *_])):
                return self.of(first)
        return UNKNOWN

    def _members(self, node: ast.expr) -> str:
        """Return what a loop goes through: names of settings, alone or first in a tuple."""
        code = compile(ast.Expression(node), "<rule>", "eval")
        # Without the settings: what they hold is another thing in each project.
        known = {name: it for name, it in self.module.items() if name != "conf"}
        try:
            found = [*eval(code, known)]  # noqa: S307 - an expression of our own code
        except NameError:
            return self.of(node)
        return ", ".join(str(it[0] if isinstance(it, tuple) else it) for it in found)
