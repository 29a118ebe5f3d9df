-- iso pack: a CD image as a recipe's kickstart = { cd = … } makes it
return require("cli.medium").command(require("iso").write, {
  doc = "make a CD image of a directory",
  text = "The image is ISO 9660 with Joliet and Rock Ridge names; it is not bootable. A recipe does the same by kickstart = { cd = … }; "
    .. "a label such as OEMDRV or cidata is what installers look for.",
  file = "FILE.iso", pattern = "*.iso", label = "volume label: 16 ASCII characters, or 32 of A-Z 0-9 _",
})
