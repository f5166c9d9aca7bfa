# The Debian package: `cpack -G DEB` in a build folder (preset release).

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bramble)
set(CPACK_PACKAGE_VENDOR "The Bramble authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "look into and mount Raspberry Pi images without root")
set(CPACK_PACKAGE_DESCRIPTION
"Shows the FAT and ext2, ext3, ext4 file systems of a disk image as one
directory, as the Raspberry Pi itself would see them: by FUSE, without root,
loop device or kernel driver, and without writing to the image. Also lists,
prints and copies files straight out of an image.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER
	"The Bramble authors <bramble-pi@users.noreply.github.com>")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# The libraries are found by dpkg-shlibdeps; fusermount3 is a program.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS fuse3)

include(CPack)
