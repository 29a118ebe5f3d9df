-- floppy pack: a floppy image as a recipe's kickstart = { floppy = … } makes it
return require("cli.medium").command(require("floppy").write, {
  doc = "make a floppy image of a directory",
  text = "The image is FAT12, 1.44 MB, or 2.88 MB when the files need that; long names are kept. A recipe does the same by kickstart = { floppy = … }.",
  file = "FILE.img", pattern = "*.img *.flp", label = "volume label, up to 11 characters",
})
