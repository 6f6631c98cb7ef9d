// What a file is that is no ELF file, by its first bytes: a message that names it says what to do.

interface Kind {
	readonly starts: readonly number[];
	/** Where those bytes are. */
	readonly at?: number;
	readonly says: string;
}

const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

const kinds: readonly Kind[] = [
	{ starts: ascii("!<arch>\n"), says: "is an archive, not an ELF file" },
	{ starts: ascii("!<thin>\n"), says: "is a thin archive, not an ELF file" },
	{ starts: [0x42, 0x43, 0xc0, 0xde], says: "is LLVM bitcode, which has no calls yet; compile with -fno-lto" },
	{ starts: [0xde, 0xc0, 0x17, 0x0b], says: "is LLVM bitcode, which has no calls yet; compile with -fno-lto" },
	{ starts: ascii("go object "), says: "is an object of Go's own format; let Go link externally and keep its objects" },
	{
		starts: [0xfd, ...ascii("7zXZ"), 0],
		says: "is compressed by xz, which `sites` and `tables` open; decompress it first (unxz)",
	},
	{
		starts: [0x28, 0xb5, 0x2f, 0xfd],
		says: "is compressed by zstd, which `sites` and `tables` open; decompress it first (unzstd)",
	},
	{
		starts: [0x1f, 0x8b],
		says: "is compressed by gzip, which `sites` and `tables` open; decompress it first (gunzip)",
	},
	{ starts: ascii("BZh"), says: "is compressed by bzip2; decompress it first (bunzip2)" },
	{
		starts: ascii("HdrS"),
		at: 0x202,
		says: "is a boot image of Linux for x86 (bzImage), which `sites` and `tables` open; take the vmlinux it was made of",
	},
	{
		starts: ascii("ARMd"),
		at: 56,
		says: "is a boot image of Linux for arm64 (Image), which has no sections; `tables` reads it with a --system-map",
	},
	{
		starts: ascii("RISCV"),
		at: 48,
		says: "is a boot image of Linux for RISC-V (Image); take the vmlinux it was made of",
	},
	{
		starts: ascii("zimg"),
		at: 4,
		says: "is a boot image of Linux for EFI, which `sites` and `tables` open; take the vmlinux it was made of",
	},
	{ starts: ascii("MZ"), says: "is a Windows or EFI executable" },
	{ starts: [0xcf, 0xfa, 0xed, 0xfe], says: "is a Mach-O file" },
];

/** `is not an ELF file`, or what it is. */
export function nameOfKind(bytes: Uint8Array): string {
	const found = kinds.find(({ starts, at = 0 }) => starts.every((byte, i) => bytes[at + i] === byte));
	return found?.says ?? "is not an ELF file";
}

/** Whether the bytes start like something that is named here, but an archive. */
export function isOtherKind(bytes: Uint8Array): boolean {
	const found = kinds.find(({ starts, at = 0 }) => starts.every((byte, i) => bytes[at + i] === byte));
	return found !== undefined && !found.says.includes("archive");
}
