"""The named points of a face, a body and a hand, in MediaPipe's numbering.

left and right are the subject's own: the right eye stands on the left half of an unmirrored picture.

Source: MediaPipe face mesh with refinement (468 mesh points + 10 iris points), BlazePose (33), hands (21).
"""

FACE_POINTS, BODY_POINTS, HAND_POINTS = 478, 33, 21

# Contours start at the subject's right corner of their feature and run over the top first.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
RIGHT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
# Where the open upper lid folds, over the upper contour of the eye from corner to corner.
RIGHT_LID_FOLD = (33, 247, 30, 29, 27, 28, 56, 190, 133)
LEFT_LID_FOLD = (362, 414, 286, 258, 257, 259, 260, 467, 263)
RIGHT_BROW = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
LEFT_BROW = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)
RIGHT_IRIS = (468, 469, 470, 471, 472)
LEFT_IRIS = (473, 474, 475, 476, 477)
OUTER_LIP_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LIP_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
NOSE_BRIDGE = (168, 6, 197, 195, 5, 4)
NOSE_BASE = (98, 97, 2, 326, 327)

NOSE_TIP, CHIN, FOREHEAD = 4, 152, 10
RIGHT_TEMPLE, LEFT_TEMPLE = 127, 356
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291

# Points that hardly move with any expression: they carry the head's own motion.
STABLE = (
    6, 168, 8, 9, 151, 10, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454,
    93, 323, 33, 133, 362, 263, 197, 195, 122, 351, 193, 417, 188, 412, 227, 447,
)  # fmt: skip


def closed(upper: tuple[int, ...], lower: tuple[int, ...]) -> tuple[int, ...]:
    """Join an upper and a lower contour that share both corners into one closed polygon."""
    return upper + lower[-2:0:-1]


RIGHT_EYE = closed(RIGHT_EYE_UPPER, RIGHT_EYE_LOWER)
LEFT_EYE = closed(LEFT_EYE_UPPER, LEFT_EYE_LOWER)
OUTER_LIPS = closed(OUTER_LIP_UPPER, OUTER_LIP_LOWER)
INNER_LIPS = closed(INNER_LIP_UPPER, INNER_LIP_LOWER)

BODY_LIMBS = (
    (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24),
    (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32),
)  # fmt: skip
LEFT_BODY = frozenset((11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31))
HAND_BONES = tuple((0 if joint == first else joint - 1, joint) for first in (1, 5, 9, 13, 17)
                   for joint in range(first, first + 4))  # fmt: skip

# Points that a person can place by eye on any picture, with names to call them by.
NAMED = {
    "right_eye_outer": 33,
    "right_eye_inner": 133,
    "right_eye_top": 159,
    "right_eye_bottom": 145,
    "left_eye_inner": 362,
    "left_eye_outer": 263,
    "left_eye_top": 386,
    "left_eye_bottom": 374,
    "right_brow_outer": 70,
    "right_brow_inner": 107,
    "left_brow_inner": 336,
    "left_brow_outer": 300,
    "nose_tip": 4,
    "nose_base": 2,
    "mouth_right": 61,
    "mouth_left": 291,
    "upper_lip_top": 0,
    "upper_lip_bottom": 13,
    "lower_lip_top": 14,
    "lower_lip_bottom": 17,
    "chin": 152,
    "forehead": 10,
    "right_cheek": 234,
    "left_cheek": 454,
}
