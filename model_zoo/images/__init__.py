"""Reading the images of a batch fast: what `preprocess.read_image` says of each, pixel for pixel.

Most captchas are plain PNG or JPEG files, on which Pillow spends more time than a small network does. Each is
looked through first: `png` and `jpeg` take only files of which they understand every part, and of which
Pillow would show the same; all others go to Pillow, whose errors and pixels count.

How the ways were chosen (`benchmarks/image_decoding.py` measures them all, docs/performance.md has the
figures). PNG: inflating takes most of the time, so the inflater decides. zlib-ng is what Pillow's own wheels
use, and judges damaged data as zlib does; ISA-L is hardly faster, libdeflate is, but both take damaged
Huffman tables that zlib refuses. Undoing the filters and turning to grey, by numba, takes less than half as
long as inflating. torchvision and OpenCV are slower as a whole; pyspng comes near, but keeps the GIL, and its
checks are not Pillow's. JPEG: simplejpeg is libjpeg-turbo and little else, as Pillow's decoder is, and can be
told to refuse what the library warns of; torchvision cannot, and takes seconds to import. GIF, BMP and WebP
stay with Pillow.
"""
