"""The page on which a part is looked at and edited with the mouse; the only room that imports viser."""
