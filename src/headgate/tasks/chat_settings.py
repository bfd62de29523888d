"""What a model that answers is made of."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.tasks.pair_settings import PairSettings


@dataclass(kw_only=True)
class ChatSettings(PairSettings):
    """What a model that answers is made of.

    Args:
        cell: a key of ``CELLS``.
        options: the cell's options.
        hidden_size: units of the decoder, and of both directions of the encoder together.
        embedding_size: features of a token.
        num_layers: recurrent layers of each.
        attention: a key of ``SCORES``, or None for the plain encoder-decoder.
        order: when the decoder looks at what was said: "luong" after its step, which
            trains fastest; "input_feeding" also tells the next step what it saw; "bahdanau"
            looks before it steps.
        dropout: of token vectors, between layers and before the output layer.
        label_smoothing: the share of a target's probability that is spread over the vocabulary.
        unit: what a token is: "auto", "subword", "word", "character" or "byte".
        shared: whether both sides have one vocabulary and one embedding; "auto" where nearly all
            characters of each side stand on the other.
        vocabulary_size: tokens of a vocabulary at most; where it is not named also no more than
            a third of the pairs, but at least 500.
        copy_unknown: whether an unknown word of an answer is replaced by the word of
            what was said that it looked at most; of a vocabulary of words, with attention.
        longest: tokens of a text that are read; the rest is cut off.
        beam_width: hypotheses kept in a search; 1 is greedy.
        length_penalty: the exponent of the length in a hypothesis's score (Wu et al. 2016).
        coverage_penalty: how much a hypothesis loses that has not looked at all of
            what was said (Wu et al. 2016); 0 leaves it out.
        min_length: tokens that an answer has at least.
        program: the cell itself where it is a user's own, for a saved model.
    """

    hidden_size: int = 256
    embedding_size: int = 128
    dropout: float = 0.3
    shared: bool | str = "auto"
    vocabulary_size: int = 4000
