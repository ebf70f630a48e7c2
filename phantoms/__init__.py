"""Digital phantoms whose truth is known exactly: what was built, and what an imager would show of it.

Frames and signs are IEC 61217: F is x right (for a viewer who faces the gantry), y towards the gantry, z up; on the
isocentre plane u grows along +x of the gantry and v towards it. Lengths are in mm, angles in degrees. The ray geometry
is the package's own on purpose: the truth must not come from the code that it tests.
"""
