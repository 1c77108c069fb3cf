// SPDX-License-Identifier: Apache-2.0
/* Checks and loads the file of a plugin. */
#include "shared_object.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- who may write it -------------------------------------------------------------------- */

/* Besides root the owner of our binary is trusted: who can replace that needs no plugin. */
static uid_t trusted_owner(void)
{
	struct stat status;

	return stat("/proc/self/exe", &status) < 0 ? 0 : status.st_uid;
}

/* subject: how the sentence begins, "" or "its directory DIRECTORY ". path: what to mend. */
static int check_trust(const struct refusal *refusal, const struct stat *status,
		       const char *subject, const char *path)
{
	uid_t owner = trusted_owner();

	if (status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(refusal, -EPERM,
			      "%smay be written by %s (mode %04o), expected by its owner only: "
			      "chmod go-w %s",
			      subject, status->st_mode & S_IWOTH ? "everyone" : "its group",
			      (unsigned int)status->st_mode & 07777, path);
	if (status->st_uid != 0 && status->st_uid != owner)
		return refuse(refusal, -EPERM,
			      "%sbelongs to user %u, expected root (0) or the owner of the sonde "
			      "binary (%u): chown root %s",
			      subject, status->st_uid, owner, path);
	return 0;
}

/* Returns an fd through which the directory that was checked stays reachable, whatever happens to
 * its path. */
static int open_directory(const struct refusal *refusal, const char *directory)
{
	char subject[PATH_MAX + 32];
	struct stat status;
	int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (fd < 0)
		return refuse(refusal, -errno, "its directory %s cannot be opened: %s", directory,
			      strerror(errno));
	if (fstat(fd, &status) < 0) {
		result = refuse(refusal, -errno, "its directory %s cannot be examined: %s",
				directory, strerror(errno));
	} else {
		snprintf(subject, sizeof(subject), "its directory %s ", directory);
		result = check_trust(refusal, &status, subject, directory);
	}
	if (result < 0) {
		close(fd);
		return result;
	}
	return fd;
}

int shared_object_trust_directory(const struct refusal *refusal, const char *directory)
{
	int fd = open_directory(refusal, directory);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* ---- whether it is whole and for this machine -------------------------------------------- */

static const char *machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	default:
		return "unknown";
	}
}

static bool read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

/* Our own binary says what this machine is. */
static bool read_own_header(ElfW(Ehdr) * header)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool whole = fd >= 0 && read_at(fd, header, sizeof(*header), 0);

	if (fd >= 0)
		close(fd);
	return whole;
}

static int check_machine(const struct refusal *refusal, const ElfW(Ehdr) * header)
{
	ElfW(Ehdr) own;

	if (!read_own_header(&own))
		return refuse(refusal, -ENOEXEC,
			      "cannot be compared with the sonde binary: /proc/self/exe cannot be "
			      "read: %s (is /proc mounted?)",
			      strerror(errno));
	if (header->e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
	    header->e_ident[EI_DATA] != own.e_ident[EI_DATA] || header->e_machine != own.e_machine)
		return refuse(
			refusal, -ENOEXEC,
			"its machine is %s (%u, %d bits), expected %s (%u, %d bits): build it "
			"for this machine",
			machine_name(header->e_machine), header->e_machine,
			header->e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32,
			machine_name(own.e_machine), own.e_machine,
			own.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32);
	if (header->e_type != ET_DYN)
		return refuse(refusal, -ENOEXEC,
			      "its ELF type is %u, expected %u, a shared object: link it with "
			      "-shared",
			      header->e_type, ET_DYN);
	return 0;
}

/* How long the file must be by what its headers say; 0: they cannot be read. */
static uint64_t needed_length(int fd, const ElfW(Ehdr) * header)
{
	uint64_t needed = header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize;
	ElfW(Phdr) segment;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		if (!read_at(fd, &segment, sizeof(segment),
			     header->e_phoff + (uint64_t)i * header->e_phentsize))
			return 0;
		if (segment.p_type == PT_LOAD && segment.p_offset + segment.p_filesz > needed)
			needed = segment.p_offset + segment.p_filesz;
	}
	return needed;
}

/* A file cut short would be mapped all the same, and kill us where it is read past its end. */
static int check_content(const struct refusal *refusal, int fd, uint64_t length)
{
	ElfW(Ehdr) header = { 0 };
	uint64_t needed;
	int result;

	if (!read_at(fd, &header, sizeof(header), 0) && !read_at(fd, &header, SELFMAG, 0))
		return refuse(refusal, -ENOEXEC,
			      "its length is %llu bytes, too little for a shared object: it is "
			      "truncated; build or copy it again",
			      (unsigned long long)length);
	if (memcmp(header.e_ident, ELFMAG, SELFMAG))
		return refuse(
			refusal, -ENOEXEC,
			"it is not an ELF file (it begins with %02x %02x %02x %02x): a plugin "
			"is a shared object, linked with -shared",
			header.e_ident[0], header.e_ident[1], header.e_ident[2], header.e_ident[3]);
	if (length < sizeof(header))
		return refuse(refusal, -ENOEXEC,
			      "its length is %llu bytes, expected at least %zu for an ELF header: "
			      "it is truncated; build or copy it again",
			      (unsigned long long)length, sizeof(header));
	result = check_machine(refusal, &header);
	if (result < 0)
		return result;
	needed = needed_length(fd, &header);
	if (!needed || needed > length)
		return refuse(
			refusal, -ENOEXEC,
			"its length is %llu bytes, expected at least %llu by its own headers: "
			"it is truncated; build or copy it again",
			(unsigned long long)length,
			(unsigned long long)(needed ? needed : header.e_phoff + 1));
	return 0;
}

static int check_file(const struct refusal *refusal, int directory_fd, const char *name)
{
	struct stat status;
	int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int result;

	if (fd < 0)
		return refuse(refusal, -errno, "it cannot be opened: %s", strerror(errno));
	if (fstat(fd, &status) < 0)
		result = refuse(refusal, -errno, "it cannot be examined: %s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		result = refuse(refusal, -ENOEXEC,
				"it is no regular file: a plugin is a shared object");
	else
		result = check_trust(refusal, &status, "", refusal->path);
	if (!result)
		result = check_content(refusal, fd, (uint64_t)status.st_size);
	close(fd);
	return result;
}

/* ---- loading ----------------------------------------------------------------------------- */

/* A path through the checked directory's fd: what is loaded is what was checked, as nobody else may
 * write there, and $ORIGIN still means that directory. The dynamic linker takes two files of one
 * name for one, so every load has a name that no other ever had: the bits of a serial number,
 * written as "/" and "/.". Our number instead of "self" lets a debugger follow it. */
static int load_path(char *buffer, size_t size, int directory_fd, const char *name)
{
	static uint32_t serial;
	char process[32];
	ssize_t process_length = readlink("/proc/self", process, sizeof(process) - 1);
	size_t length;

	if (process_length < 0)
		return -errno;
	process[process_length] = 0;
	length = (size_t)snprintf(buffer, size, "/proc/%s/fd/%d", process, directory_fd);
	for (uint32_t bits = ++serial; bits && length + 2 < size; bits >>= 1)
		length += (size_t)snprintf(buffer + length, size - length, bits & 1 ? "/." : "/");
	length += (size_t)snprintf(buffer + length, size - length, "/%s", name);
	return length < size ? 0 : -ENAMETOOLONG;
}

static int refuse_load(const struct refusal *refusal, const char *reason, const char *path)
{
	static const char undefined[] = "undefined symbol: ";
	static const char missing[] = ": cannot open shared object file";
	size_t length = strlen(path);
	const char *found;

	if (!strncmp(reason, path, length) && !strncmp(reason + length, ": ", 2))
		reason += length + 2;
	found = strstr(reason, undefined);
	if (found)
		return refuse(refusal, -ENOEXEC,
			      "its symbol %s is unresolved: link the library that has it "
			      "(-Wl,--no-undefined finds that when it is built)",
			      found + sizeof(undefined) - 1);
	found = strstr(reason, missing);
	if (found)
		return refuse(refusal, -ENOEXEC,
			      "the library %.*s that it needs is not found: install it, or link "
			      "with -Wl,-rpath",
			      (int)(found - reason), reason);
	return refuse(refusal, -ENOEXEC, "it cannot be loaded: %s", reason);
}

/* sonde_plugin() of this very object, not of one that it was linked with. */
static int find_function(const struct refusal *refusal, void *handle,
			 sonde_plugin_function **ret_function)
{
	void *symbol = dlsym(handle, "sonde_plugin");
	struct link_map *own = NULL, *home = NULL;
	const ElfW(Sym) *entry = NULL;
	Dl_info information;

	if (symbol &&
	    (dlinfo(handle, RTLD_DI_LINKMAP, &own) < 0 ||
	     !dladdr1(symbol, &information, (void **)&home, RTLD_DL_LINKMAP) || home != own))
		symbol = NULL;
	if (!symbol)
		return refuse(refusal, -ENOEXEC,
			      "the symbol sonde_plugin is missing: end the plugin with "
			      "SONDE_EXPORT(its descriptor)");
	if (!dladdr1(symbol, &information, (void **)&entry, RTLD_DL_SYMENT) || !entry ||
	    ELF64_ST_TYPE(entry->st_info) != STT_FUNC)
		return refuse(refusal, -ENOEXEC,
			      "the symbol sonde_plugin is no function: give the descriptor another "
			      "name and hand it to SONDE_EXPORT()");
	memcpy(ret_function, &symbol, sizeof(symbol));
	return 0;
}

static int load_file(const struct refusal *refusal, int directory_fd, const char *name,
		     void **ret_handle)
{
	char path[PATH_MAX];
	void *handle;
	int result = load_path(path, sizeof(path), directory_fd, name);

	if (result < 0)
		return refuse(refusal, result, "it cannot be reached through /proc: %s",
			      strerror(-result));
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!handle)
		return refuse_load(refusal, dlerror(), path);
	*ret_handle = handle;
	return 0;
}

/* Returns an fd of its directory. */
static int object_open(const struct refusal *refusal, void **ret_handle)
{
	const char *slash = strrchr(refusal->path, '/');
	char directory[PATH_MAX] = "/";
	int directory_fd, result;

	if (slash > refusal->path)
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - refusal->path),
			 refusal->path);
	directory_fd = open_directory(refusal, directory);
	if (directory_fd < 0)
		return directory_fd;
	result = check_file(refusal, directory_fd, slash + 1);
	if (!result)
		result = load_file(refusal, directory_fd, slash + 1, ret_handle);
	if (result < 0) {
		close(directory_fd);
		return result;
	}
	return directory_fd;
}

int shared_object_load(const struct refusal *refusal, struct shared_object *ret_object)
{
	sonde_plugin_function *function = NULL;
	void *handle = NULL;
	int directory_fd = object_open(refusal, &handle), result;

	if (directory_fd < 0)
		return directory_fd;
	result = find_function(refusal, handle, &function);
	if (result < 0) {
		close(directory_fd);
		return result;
	}
	ret_object->function = function;
	ret_object->directory_fd = directory_fd;
	return 0;
}

int shared_object_symbol(const struct refusal *refusal, const char *name, void **ret_symbol)
{
	void *handle = NULL, *symbol;
	int directory_fd = object_open(refusal, &handle);

	if (directory_fd < 0)
		return directory_fd;
	close(directory_fd); /* what it needs was found */
	symbol = dlsym(handle, name);
	if (!symbol)
		return refuse(refusal, -ENOEXEC,
			      "the symbol %s is missing: it is of another version of sonde", name);
	*ret_symbol = symbol;
	return 0;
}
