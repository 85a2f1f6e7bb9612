//! Indices of the parts of a face among the mesh's 468 points.

/// Pairs of points on the lids of both eyes: an upper point and the lower point that it meets.
pub const LIDS: [[usize; 2]; 14] = [
    [246, 7],
    [161, 163],
    [160, 144],
    [159, 145],
    [158, 153],
    [157, 154],
    [173, 155],
    [466, 249],
    [388, 390],
    [387, 373],
    [386, 374],
    [385, 380],
    [384, 381],
    [398, 382],
];
/// The skin above the upper lids, which follows them half of the way.
pub const LID_SKIN: [usize; 14] = [247, 30, 29, 27, 28, 56, 190, 467, 260, 259, 257, 258, 286, 414];
/// The lower lip without its corners: its inner line, the points between the lines, its outer line.
pub const LOWER_LIP: [usize; 36] = [
    95, 88, 178, 87, 14, 317, 402, 318, 324, 96, 89, 179, 86, 15, 316, 403, 319, 325, 77, 90, 180, 85, 16, 315, 404,
    320, 307, 146, 91, 181, 84, 17, 314, 405, 321, 375,
];
/// The upper lip, in the same order.
pub const UPPER_LIP: [usize; 36] = [
    191, 80, 81, 82, 13, 312, 311, 310, 415, 183, 42, 41, 38, 12, 268, 271, 272, 407, 184, 74, 73, 72, 11, 302, 303,
    304, 408, 185, 40, 39, 37, 0, 267, 269, 270, 409,
];
/// The range of the inner line's points within either lip.
pub const INNER: std::ops::Range<usize> = 0..9;
/// The points where the inner lines meet.
pub const MOUTH_CORNERS: [usize; 2] = [78, 308];
/// The middle of each inner line.
pub const LOWER_LIP_MIDDLE: usize = 14;
pub const UPPER_LIP_MIDDLE: usize = 13;
pub const CHIN: usize = 152;
/// The face's outline.
pub const OUTLINE: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];
/// Points on the cheeks, which show the colour of skin.
pub const CHEEKS: [usize; 6] = [50, 280, 205, 425, 101, 330];
