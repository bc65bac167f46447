"""Attacks on recognisers, and the loop that all of them share.

An attack is a package here, or a file of the user's, that ends in ``ATTACK = TheClass``: a subclass of
:class:`asrtransfer.attacks.method.Method` or :class:`asrtransfer.attacks.method.Whole`.
"""
