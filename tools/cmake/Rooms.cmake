# A room is one folder, one static library and one name prefix; it names the rooms it uses.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
	set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# assert() is for our own mistakes and stays on in release builds.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

find_package(Threads REQUIRED)

add_library(bramble_flags INTERFACE)
target_compile_definitions(bramble_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
	BRAMBLE_VERSION="${PROJECT_VERSION}")
target_compile_options(bramble_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow
	-Wstrict-prototypes -Wmissing-prototypes -Wvla)
target_include_directories(bramble_flags INTERFACE "${PROJECT_SOURCE_DIR}/fs"
	"${PROJECT_SOURCE_DIR}/server")
target_link_libraries(bramble_flags INTERFACE Threads::Threads)
if(BRAMBLE_WERROR)
	target_compile_options(bramble_flags INTERFACE -Werror)
endif()

# add_room(NAME [USES room...] [LIBRARIES target...] SOURCES file...)
function(add_room name)
	cmake_parse_arguments(ROOM "" "" "USES;LIBRARIES;SOURCES" ${ARGN})
	add_library(bramble_${name} STATIC ${ROOM_SOURCES})
	target_link_libraries(bramble_${name} PUBLIC bramble_flags)
	foreach(used IN LISTS ROOM_USES)
		target_link_libraries(bramble_${name} PUBLIC bramble_${used})
	endforeach()
	target_link_libraries(bramble_${name} PRIVATE ${ROOM_LIBRARIES})
endfunction()
