"""A program as the formula that a paper would print, in text and in LaTeX."""

from __future__ import annotations

from headgate.program.graph import GIVEN, Node, Program, walk
from headgate.program.operations import EVERY

SYMBOLS = {
    "candidate": "g",
    "carry": "c",
    "cell": "c",
    "forget": "f",
    "hidden": "h",
    "input": "i",
    "multiplicative": "m",
    "output": "o",
    "project": "r",
    "reset": "r",
    "skip": "s",
    "step": "Δ",
    "transform": "t",
    "update": "u",
}
# what may follow a symbol in a name, beside numbers: candidate_1 is g₁, c_fast is cᶠ
MARKS = {"down": "↓", "fast": "ᶠ", "slow": "ˢ", "up": "↑", "y": "ʸ", "z": "ᶻ"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_LATEX_MARKS = {"down": r"\downarrow", "fast": "F", "slow": "S", "up": r"\uparrow"}


# operands that need brackets also where they bind as tightly: a - (b - c), (a^b)^c
_STRICT = {("sub", 1), ("div", 1), ("pow", 0), ("pow", 1), ("square", 0)}


def as_text(program: Program) -> list[str]:
    """Write a program as equations in plain text.

    Args:
        program: the program.

    Returns:
        One line for each named value and each state, in the order in which a step needs them.

    Example:
        >>> from headgate.equations import equation
        >>> from headgate.program import trace
        >>> as_text(trace(equation("rnn")))
        ['hₜ = tanh(W_xh xₜ + W_hh hₜ₋₁ + b_h)']
    """
    return _Text(program).lines()


def as_latex(program: Program) -> str:
    """Write a program as an aligned LaTeX display.

    Args:
        program: the program.

    Returns:
        An ``aligned`` environment.
    """
    return "\\begin{aligned}\n" + " \\\\\n".join(_Latex(program).lines()) + "\n\\end{aligned}"


class _Text:
    now, before, equals = "{}ₜ", "{}ₜ₋₁", " = "
    given = {"noise": "ζ", "mask": "μ", "mark": "κ"}
    families = {
        "bias": ("b", ""),
        "norm_ih": ("γ", "x"),
        "norm_hh": ("γ", "h"),
        "norm_state": ("γ", ""),
        "norm_state_bias": ("β", ""),
    }

    def __init__(self, program: Program) -> None:
        self.program = program
        states = zip(program.states, program.results, strict=True)
        self.known = {node: self.symbol(name) for name, node in program.names.items()}
        self.known |= {node: self.now.format(self.symbol(state)) for state, node in states}

    def lines(self) -> list[str]:
        order = [node for node in self.program.nodes if node in self.known]
        return [f"{self.known[node]}{self.equals}{self.of(node)[0]}" for node in order]

    def symbol(self, name: str) -> str:
        base, _, mark = name.rpartition("_")
        known = base in SYMBOLS or base in SYMBOLS.values()
        if known and (mark in MARKS or (mark.isascii() and mark.isdecimal())):
            return self.marked(self.short(base), mark)
        return self.short(name)

    def short(self, name: str) -> str:
        return SYMBOLS.get(name, name)

    def marked(self, symbol: str, mark: str) -> str:
        return symbol + MARKS.get(mark, mark.translate(_SUBSCRIPTS))

    def write(self, node: Node | float) -> tuple[str, int]:
        """Write a value where it is used, with how tightly it binds."""
        if not isinstance(node, Node):
            return f"{node:g}", 9 if node >= 0 else 2
        return (self.known[node], 9) if node in self.known else self.of(node)

    def of(self, node: Node) -> tuple[str, int]:
        """Write how a value comes to be."""
        if node.op == "state":
            return self.before.format(self.symbol(node.block)), 9
        if node.op in ("input", "matmul", "bias", "vector", *GIVEN):
            return self.leaf(node)
        if node.op == "add":
            return self.sum(node), 1
        operation = EVERY[node.op]
        parts = [self.write(arg) for arg in node.args[: operation.arity]]
        parts += [("", 9)] * (2 - len(parts))
        least = 0 if operation.binds == 9 else operation.binds
        texts = [
            self.bracket(*part, least + ((node.op, place) in _STRICT))
            for place, part in enumerate(parts)
        ]
        return self.template(operation).format(*texts), operation.binds

    def sum(self, node: Node) -> str:
        """Write a sum with the bias of the input's projection at its end, as papers do."""
        terms, tail = [], []
        for term in self.terms(node):
            text, binds = self.write(term)
            if isinstance(term, Node) and term.op == "input" and self.program.biased:
                text = self.product(self.weight("x", term.block), self.input())
                tail.append(self.index("b", self.symbol(term.block)))
            terms.append(self.bracket(text, binds, 1))
        return " + ".join(terms + tail)

    def terms(self, node: Node) -> list[Node | float]:
        found: list[Node | float] = []
        for arg in node.args:
            inner = isinstance(arg, Node) and arg.op == "add" and arg not in self.known
            found += self.terms(arg) if inner else [arg]  # type: ignore[arg-type]
        return found

    def leaf(self, node: Node) -> tuple[str, int]:
        symbol = self.symbol(node.block)
        if node.op == "input":
            text = self.product(self.weight("x", node.block), self.input())
            return (f"{text} + {self.index('b', symbol)}", 1) if self.program.biased else (text, 4)
        if node.op == "matmul":
            operand = node.operands[0]
            factor = self.bracket(*self.write(operand), 5)
            return self.product(self.weight(self.origin(operand), node.block), factor), 4
        if node.op == "bias":
            return self.index("b", self.apart(node.block)), 9
        if node.op in GIVEN:
            return self.now.format(self.index(self.given[node.op], symbol)), 9
        family, dot, block = node.block.partition(".")
        if not dot:
            return self.index("p", symbol), 9
        letter, prefix = self.families[family]
        return self.index(letter, prefix + self.symbol(block)), 9

    def apart(self, block: str) -> str:
        """Index a bias of its own so that it differs from the input's: b_hg beside b_g."""
        symbol = self.symbol(block)
        return f"h{symbol}" if block in self.program.blocks("input") else symbol

    def origin(self, operand: Node) -> str:
        """Name what a matrix multiplies: the one state, old or new, or the value in the operand."""
        if operand in self.known:
            return self.known[operand].replace("ₜ", "").replace("_t", "")
        states = [n.block for n in walk([operand]) if n.op == "state" and n in _near(operand, self)]
        return self.symbol(states[0]) if len(states) == 1 else ""

    def weight(self, origin: str, block: str) -> str:
        return self.index("W", origin + self.symbol(block))

    def index(self, letter: str, index: str) -> str:
        return f"{letter}_{index}"

    def input(self) -> str:
        return self.now.format("x")

    def product(self, left: str, right: str) -> str:
        return f"{left} {right}"

    def bracket(self, text: str, binds: int, least: int) -> str:
        return f"({text})" if binds < least else text

    def template(self, operation: object) -> str:
        return operation.text  # type: ignore[attr-defined]


def _near(operand: Node, text: _Text) -> set[Node]:
    """The nodes of an operand that are written inside it, not behind a name."""
    found = {operand}
    for node in operand.operands:
        if node not in text.known:
            found |= _near(node, text)
    return found


class _Latex(_Text):
    now, before, equals = "{}_t", "{}_{{t-1}}", " &= "
    given = {"noise": r"\zeta", "mask": r"\mu", "mark": r"\kappa"}
    families = {
        name: (letter.replace("γ", r"\gamma").replace("β", r"\beta"), prefix)
        for name, (letter, prefix) in _Text.families.items()
    }

    def marked(self, symbol: str, mark: str) -> str:
        # above the symbol: below it stands the time
        above = f"({mark})" if mark.isdecimal() else _LATEX_MARKS.get(mark, mark)
        return f"{symbol}^{{{above}}}"

    def short(self, name: str) -> str:
        short = SYMBOLS.get(name, name)
        if short == "Δ":
            return r"\Delta"
        return short if len(short) == 1 else rf"\mathit{{{short}}}".replace("_", r"\_")

    def index(self, letter: str, index: str) -> str:
        return f"{letter}_{{{index}}}"

    def bracket(self, text: str, binds: int, least: int) -> str:
        return rf"\left({text}\right)" if binds < least else text

    def template(self, operation: object) -> str:
        return operation.latex  # type: ignore[attr-defined]
