# The Debian package: `cpack -G DEB` in a build folder (preset release).

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bramble)
set(CPACK_PACKAGE_VENDOR "The Bramble authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "boot Raspberry Pis without SD cards from one untouched image")
set(CPACK_PACKAGE_DESCRIPTION
"Serves one image to any number of Raspberry Pis that boot over the network,
each of which has a persistent overlay of its own: DHCP beside an ordinary
router, TFTP and NFS in one process, straight from the image, to which nothing
is ever written. Also shows an image as one directory, as the Pi itself would
see it, by FUSE and without root; lists, prints and copies files out of it.")
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
# which tell systemd of the units
set(debian ${PROJECT_SOURCE_DIR}/tools/systemd/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

include(CPack)
