"""CoNLL columns: a token a line, its tags beside it, and a blank line after each sentence.

Each sentence is a row of the table, and each column a sequence: the tokens, their tags. Text is
brought to NFC. Columns are parted by TABs or blanks; other white space, such as a no-break space,
belongs to its token.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headgate.data.columns import Cell, Table, is_number, shown
from headgate.errors import DataError

CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_DOCUMENT = "-DOCSTART-"
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANKS = re.compile(r"[ \t]+")
# A header is plain where every field is one of these names.
_NAMES = frozenset(
    re.findall(
        r"\w+",
        "id word words token tokens form text lemma pos upos xpos feats head deprel deps misc "
        "chunk chunks tag tags label labels ner ner_tag ner_tags pos_tag pos_tags iob bio entity",
    )
)
# A tag as such files have it: NOUN, PRP$, B-NP, I-per, -LRB-, a punctuation mark, or "_".
_TAG = re.compile(r"[A-Z][A-Z0-9]*\$?(?:[-_+:|=.]\S+)*|-[A-Z]+-|_|[^\w\s]+", re.ASCII)
_MARKED = re.compile(r"[BIES]-\S+")
_NODE = re.compile(r"\d+(?P<kind>[-.]\d+)?")

_Token = tuple[int, list[str]]  # a line's number, and its fields


def read_conll(text: str, *, path: str, columns: Sequence[str] = ()) -> Table:
    r"""Read columns at TABs or, where the first line has none, at blanks.

    Columns are named "1", "2", … unless the first line names them: it does where the user asks for
    a column by one of its fields, or where each of them is a usual name such as "token" and "tag".
    Left out are -DOCSTART- lines, and comments: lines that begin with "#" and have not as many
    fields as the others.

    Args:
        text: the file's text.
        path: the file, for errors.
        columns: those that will be used, by name or number.

    Returns:
        The table; its roles are the first column and, if there are several, the last.

    Raises:
        DataError: a line has too few or too many columns or an empty one, or there is no sentence;
            the message has the line.

    Example:
        >>> table = read_conll("Seoul B-LOC\nsleeps O\n\nGo O\n", path="a.conll")
        >>> table.rows, table.lines, table.roles
        ([[('Seoul', 'sleeps'), ('B-LOC', 'O')], [('Go',), ('O',)]], [1, 4], ('1', '2'))
    """
    lines = _lines(text)
    form = _Form.of(lines, path)
    head = form.split(lines[form.first - 1])
    names = _header(head, columns)
    documents = 0
    sentences: list[list[_Token]] = [[]]
    for number, line in enumerate(lines, start=1):
        fields = form.split(line) if line.strip() else []
        if not fields or fields[0] == _DOCUMENT:
            documents += bool(fields)
            sentences.append([])
        elif not (form.is_comment(fields) or (names and number == form.first)):
            form.check(fields, number)
            sentences[-1].append((number, fields))
    notes = (f"{documents} lines {_DOCUMENT} are left out",) if documents else ()
    chosen = names or tuple(map(str, range(1, form.width + 1)))
    roles = (chosen[0], chosen[-1] if form.width > 1 else None)
    return _table(sentences, chosen, path=path, notes=notes, roles=roles, header=bool(names))


def read_conllu(text: str, *, path: str) -> Table:
    r"""Read CoNLL-U: ten columns at TABs, and comments that begin with "#".

    Multiword ranges ("1-2") and empty nodes ("1.1") are no words of their own and are left out.

    Args:
        text: the file's text.
        path: the file, for errors.

    Returns:
        The table, whose columns have the format's names; its roles are FORM and UPOS.

    Raises:
        DataError: a line has not ten fields, an empty one, or an ID that is none; or there is no
            sentence. The message has the line.

    Example:
        >>> line = "1\tGo\tgo\tVERB\tVB\t_\t0\troot\t_\t_"
        >>> read_conllu(f"# text = Go\n{line}\n", path="a.conllu").column("UPOS")
        [('VERB',)]
    """
    form = _Form(path, 1, len(CONLLU), tabs=True, named="CoNLL-U")
    left_out = {"-": 0, ".": 0}
    sentences: list[list[_Token]] = [[]]
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            sentences.append([])
        elif not line.startswith("#"):
            fields = form.split(line)
            form.check(fields, number)
            if kind := _node(fields[0], path=path, line=number):
                left_out[kind] += 1
            else:
                sentences[-1].append((number, fields))
    said = {"-": "multiword ranges", ".": "empty nodes"}
    found = [f"{count} {said[kind]}" for kind, count in left_out.items() if count]
    notes = (f"{' and '.join(found)} are left out: they are no words of their own",)
    return _table(
        sentences, CONLLU, path=path, notes=notes if found else (), roles=("FORM", "UPOS")
    )


def looks_conll(text: str) -> bool:
    r"""Say whether a plain text file has CoNLL columns.

    It has where blank lines part blocks of lines, all lines have one number of fields at white
    space, two or more, and the last fields are tags: written in capitals, and marked as in B-PER
    or few for so many lines. So neither prose nor a table without blank lines is taken for columns.

    Args:
        text: the file's text.

    Returns:
        Whether it is to be read so.

    Example:
        >>> looks_conll("Anna B-PER\nran O\n\nGo O\n"), looks_conll("We ran.\n\nWe sang.\n")
        (True, False)
    """
    width, parted, blank, lines = 0, False, False, 0
    tags: set[str] = set()
    for line in _LINE_END.split(text):
        fields = line.split()
        if not fields:
            blank = lines > 0
        elif fields[0] != _DOCUMENT and not (fields[0][0] == "#" and len(fields) != width):
            width, parted, lines = width or len(fields), parted or blank, lines + 1
            if width < 2 or len(fields) != width or not _TAG.fullmatch(fields[-1]):
                return False
            tags.add(fields[-1])
    return parted and (2 * len(tags) <= lines or any(map(_MARKED.fullmatch, tags)))


@dataclass(frozen=True)
class _Form:
    """How the lines of a file are split, and how many fields each has."""

    path: str
    first: int  # the first line that is neither blank nor an aside, counted from 1
    width: int
    tabs: bool
    named: str = ""

    @classmethod
    def of(cls, lines: list[str], path: str) -> _Form:
        full = [number for number, line in enumerate(lines, start=1) if line.strip()]
        if not full:
            raise DataError("the file has no token", path=path)
        plain = (n for n in full if not lines[n - 1].lstrip(" ").startswith(("#", _DOCUMENT)))
        first = next(plain, full[0])
        tabs = "\t" in lines[first - 1].strip()
        return cls(path, first, len(_split(lines[first - 1], tabs=tabs)), tabs)

    def split(self, line: str) -> list[str]:
        return _split(line, tabs=self.tabs)

    def is_comment(self, fields: list[str]) -> bool:
        return fields[0].startswith("#") and len(fields) != self.width

    def check(self, fields: list[str], line: int) -> None:
        """Refuse a line with another number of fields, or an empty one."""
        if len(fields) != self.width:
            wanted = f"as in {self.named}" if self.named else f"as in row {self.first}"
            message = (
                f"{self.width} columns were wanted, {wanted}, and {len(fields)} came (columns are "
                f"parted by {'TABs' if self.tabs else 'blanks'}): {shown(' '.join(fields))}; mend "
                "the line, or part sentences by a blank line"
            )
            raise DataError(message, path=self.path, row=line)
        if "" in fields:
            column = fields.index("")
            name = CONLLU[column] if self.named else str(column + 1)
            message = "the field is empty: fill it in, or write _ where there is nothing"
            raise DataError(message, path=self.path, row=line, column=name)


def _lines(text: str) -> list[str]:
    return _LINE_END.split(unicodedata.normalize("NFC", text))


def _split(line: str, *, tabs: bool) -> list[str]:
    """Split at each TAB, so that an empty field is seen; else at runs of blanks."""
    if tabs:
        return [field.strip(" ") for field in line.split("\t")]
    return _BLANKS.split(line.strip(" \t"))


def _header(fields: list[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Give the names that a first line has, or none where it is a token."""
    asked = any(not is_number(name) and name in fields for name in columns)
    usual = len(fields) > 1 and all(field.lower() in _NAMES for field in fields)
    plain = usual and (not columns or not all(map(is_number, columns)))
    return tuple(fields) if asked or plain else ()


def _node(name: str, *, path: str, line: int) -> str:
    """Tell from an ID what kind of node it is: "" for a word, "-" a range, "." an empty node."""
    found = _NODE.fullmatch(name)
    if not found:
        message = f"a number, a range such as 1-2 or 1.1 was wanted, and {shown(name)} came"
        raise DataError(message, path=path, row=line, column="ID")
    return (found["kind"] or "")[:1]


def _table(
    sentences: list[list[_Token]],
    names: tuple[str, ...],
    *,
    path: str,
    notes: tuple[str, ...],
    roles: tuple[str, str | None],
    header: bool = False,
) -> Table:
    full = [sentence for sentence in sentences if sentence]
    if not full:
        raise DataError("the file has no token", path=path)
    rows = [list(_columns(sentence)) for sentence in full]
    lines = [sentence[0][0] for sentence in full]
    return Table(path, names, rows, lines, header, notes, roles=roles)


def _columns(sentence: list[_Token]) -> Iterator[Cell]:
    """Turn the lines of a sentence to its columns."""
    yield from zip(*(fields for _, fields in sentence), strict=True)
