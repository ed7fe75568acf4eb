"""The legend of the colours, as HTML for the panel."""

from __future__ import annotations

from meshimplant.preview.colour_scales import NO_VALUE, ColourScale, css_colour

CAPTIONS = {
    "thickness": "Thickness, mm",
    "gap": "Gap to bone, mm",
    "deviation": "Stands out of the head's other side, mm",
}


def legend_html(scale: ColourScale | None, quantity: str) -> str:
    """Return a bar of colours with its values; a sentence where nothing is known of the quantity.

    The same words are drawn in the colour of the panel's text, on light and dark.
    """
    if quantity == "plain":
        return ""
    style = "padding:2px 12px 8px;font-size:13px"
    if scale is None:
        return f'<div style="{style}">Nothing is known of this: {_MISSING[quantity]}</div>'
    stops = ",".join(css_colour(colour) for colour in scale.table[::15])
    width = scale.high - scale.low
    marks = []
    for tick, label in zip(scale.ticks, scale.labels, strict=True):
        share = 100 * (tick - scale.low) / width
        shift = -100 if share > 97 else 0 if share < 3 else -50
        place = f"position:absolute;left:{share:.1f}%;transform:translateX({shift}%)"
        marks.append(f'<span style="{place}">{label}</span>')
    grey = css_colour(NO_VALUE)
    return (
        f'<div style="{style}" data-legend="{quantity}"><div>{CAPTIONS[quantity]}</div>'
        f'<div style="height:14px;border-radius:3px;background:linear-gradient(to right,{stops})"></div>'
        f'<div style="position:relative;height:1.4em">{"".join(marks)}</div>'
        f'<div><span style="display:inline-block;width:12px;height:12px;background:{grey};'
        'border:1px solid #777;vertical-align:-2px"></span> not measured here</div></div>'
    )


_MISSING = {
    "thickness": "the part is no closed solid with an outer and an inner surface.",
    "gap": "there is no skull, or the part is no closed solid.",
    "deviation": "there is no skull, or no bone on the other side.",
}
