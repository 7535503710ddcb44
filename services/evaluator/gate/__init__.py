"""The promotion gate: is a candidate stronger than the champion, and does it lose nothing on the panel?"""
