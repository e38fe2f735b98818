"""Where a small model starts from: with two heads that together copy from the prompt.

Source: Olsson et al. 2022, In-context Learning and Induction Heads (https://arxiv.org/abs/2209.11895)

A head of the first layer looks at the token before and writes it down; a head of the second looks for the place whose
token before is the present one, and proposes what stands there. Large models find this circuit in billions of tokens; a
model of two million parameters that sees a million of them does not. Given it, it copies from the first steps on.
"""

from typing import Any

# Rotary frequencies, of half a head's size: the fastest tell one place from the next, the slowest hardly turn over some
# hundred tokens, so that what is matched by them may stand anywhere.
_FAST = 8
_SLOW = 0.56
# How sure the heads are, chosen for embeddings with the standard deviation that transformers gives them.
_LOOK, _WRITE, _MATCH, _COPY = 6.3, 8.0, 3.0, 60.0


def wire(model: Any) -> None:
    """Set the weights of the two heads of a Llama whose attention has biases; models of one layer are left alone."""
    import torch  # noqa: PLC0415 - heavy

    layers, size = model.model.layers, model.config.head_dim
    if len(layers) < 2:
        return
    half = size // 2
    slow = torch.arange(int(half * _SLOW), half)
    places = torch.cat([slow, slow + half])
    width, count = model.config.hidden_size, len(places)
    if 2 * count > width:
        return
    spread = model.config.initializer_range
    # Rows at right angles: what a token is, and what the token before was.
    basis = torch.linalg.qr(torch.randn(width, width))[0]
    own, before = basis[:count], basis[count : 2 * count]
    with torch.no_grad():
        _look_back(layers[0].self_attn, model.model.rotary_emb.inv_freq[:_FAST], half)
        layers[0].self_attn.v_proj.weight[:count] = own
        layers[0].self_attn.o_proj.weight[:, :count] = _WRITE * spread * before.T
        match = layers[1].self_attn
        match.q_proj.weight[:size] = match.k_proj.weight[:size] = 0.0
        match.q_proj.weight[places], match.k_proj.weight[places] = _MATCH * own, _MATCH * before
        match.v_proj.weight[:size] = basis[-size:]
        match.o_proj.weight[:, :size] = _COPY * spread * basis[-size:].T


def _look_back(attention: Any, angle: Any, half: int) -> None:
    """Let the first head look at the token before, whatever the tokens are: by its biases, which the places turn."""
    fast = len(angle)
    attention.k_proj.bias[:fast] = _LOOK
    attention.q_proj.bias[:fast] = _LOOK * angle.cos()
    attention.q_proj.bias[half : half + fast] = -_LOOK * angle.sin()
