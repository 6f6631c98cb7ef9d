// An ELF file in memory: what the reader returns, the assembler and compiler build, the linker joins, the writer takes.
// It is plain data but for relocations, which may be read from the file piece by piece (relocation-entries.ts). Symbols and
// relocations are columns (structures of arrays): a link touches millions of them.

/** Machines, as the header numbers them (EM_*). */
export const EM_X86_64 = 62;
/** Header, e_machine: 64-bit Arm. */
export const EM_AARCH64 = 183;
/** Header, e_machine: RISC-V. */
export const EM_RISCV = 243;

/** Header, e_type: a relocatable file, as compilers and assemblers make it. */
export const ET_REL = 1;
/** Header, e_type: a linked program with fixed addresses. */
export const ET_EXEC = 2;
/** Header, e_type: a shared library, or a program that may be loaded anywhere. */
export const ET_DYN = 3;

/** Section type: an unused header, such as section 0. */
export const SHT_NULL = 0;
/** Section type: bytes that mean something to the program alone. */
export const SHT_PROGBITS = 1;
/** Section type: the symbol table for linking. */
export const SHT_SYMTAB = 2;
/** Section type: names, each ended by a zero byte. */
export const SHT_STRTAB = 3;
/** Section type: relocations that carry their addends. */
export const SHT_RELA = 4;
/** Section type: notes, such as a build ID. */
export const SHT_NOTE = 7;
/** Section type: zeros that the file does not hold. */
export const SHT_NOBITS = 8;
/** Section type: relocations whose addends are in the fields that they change. */
export const SHT_REL = 9;
/** Section type: the symbol table for the dynamic linker. */
export const SHT_DYNSYM = 11;
/** Section type: the members of a group, of which a link keeps one copy. */
export const SHT_GROUP = 17;
/** Section type: section numbers of symbols that do not fit 16 bits. */
export const SHT_SYMTAB_SHNDX = 18;
/** Section type: relocations in the compact form, with their addends or without. */
export const SHT_CREL = 0x40000014;
/** Section type (LLVM, until 2021): how often functions call others, {from, to, weight} with indices of symbols. */
export const SHT_LLVM_CALL_GRAPH_PROFILE_INDICES = 0x6fff4c02;
/** Section type (LLVM): symbols whose addresses are significant. */
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;
/** Section type (LLVM): how often functions call others, a weight each; its relocations name the functions. */
export const SHT_LLVM_CALL_GRAPH_PROFILE = 0x6fff4c09;

/** Section flag: the program may write it. */
export const SHF_WRITE = 1;
/** Section flag: it is in memory while the program runs. */
export const SHF_ALLOC = 2;
/** Section flag: it holds instructions. */
export const SHF_EXECINSTR = 4;
/** Section flag: equal elements may be merged. */
export const SHF_MERGE = 0x10;
/** Section flag: its elements are strings, each ended by a zero. */
export const SHF_STRINGS = 0x20;
/** Section flag: sh_info is the number of a section. */
export const SHF_INFO_LINK = 0x40;
/** Section flag: it is placed in the order of the sections that sh_link names. */
export const SHF_LINK_ORDER = 0x80;
/** Section flag: it is a member of a group. */
export const SHF_GROUP = 0x200;
/** Section flag: every thread has a copy. */
export const SHF_TLS = 0x400;
/** Section flag: its bytes in the file are compressed. */
export const SHF_COMPRESSED = 0x800;

/** Section number: the symbol is defined elsewhere. */
export const SHN_UNDEF = 0;
/** The reserved indices 0xff00..0xffff of a file are 0xffffff00..0xffffffff in memory: an object may have more than
 * 65,280 sections, and then 0xfff1 is one of them. */
export const SHN_LORESERVE = 0xffffff00;
/** Section number: the symbol's value is no address, and stays as it is. */
export const SHN_ABS = 0xfffffff1;
/** Section number: a common symbol, whose value is its alignment. */
export const SHN_COMMON = 0xfffffff2;

/** Symbol binding: known in its object alone. */
export const STB_LOCAL = 0;
/** Symbol binding: known to all objects. */
export const STB_GLOBAL = 1;
/** Symbol binding: like a global one, and gives way to it; it may stay undefined. */
export const STB_WEAK = 2;

/** Symbol type: nothing is said of it. */
export const STT_NOTYPE = 0;
/** Symbol type: data. */
export const STT_OBJECT = 1;
/** Symbol type: a function. */
export const STT_FUNC = 2;
/** Symbol type: stands for a section. */
export const STT_SECTION = 3;
/** Symbol type: names the source file of the local symbols behind it. */
export const STT_FILE = 4;
/** Symbol type: data of which every thread has a copy. */
export const STT_TLS = 6;
/** A function that is chosen when the program starts, by the one at this address. */
export const STT_GNU_IFUNC = 10;

/** The relocation type that does nothing, on every machine: where it points and to what is of no meaning. */
export const R_NONE = 0;

/** RELA entries that apply to one section, one column per field. Sixty-four-bit fields are signed numbers within 2^53,
 * so an address in the upper half of the address space (a kernel's) is negative. */
export interface Relocations {
	readonly count: number;
	/** In a relocatable file, offset within the section; in an executable, an address. */
	readonly offset: Float64Array;
	readonly type: Uint32Array;
	/** Index into the object's symbols; 0 is the null symbol. */
	readonly symbol: Uint32Array;
	readonly addend: Float64Array;
	/** True for SHT_REL: the addends lie in the section's bytes, where only the machine's rules find them, and
	 * `addend` holds zeros. */
	readonly implicitAddends?: boolean;
}

/** The symbol table by columns. Entry 0 is the null symbol; locals come first, as ELF demands. */
export interface Symbols {
	readonly count: number;
	/** Offset of the name in `strings`. */
	readonly name: Uint32Array;
	readonly value: Float64Array;
	readonly size: Float64Array;
	/** binding << 4 | type */
	readonly info: Uint8Array;
	/** visibility */
	readonly other: Uint8Array;
	/** Index into `ElfObject.sections`, or SHN_UNDEF, SHN_ABS, SHN_COMMON. */
	readonly section: Uint32Array;
	/** NUL-terminated names, UTF-8. */
	readonly strings: Uint8Array;
}

/** A section with its bytes and the relocations that apply to it. */
export interface Section {
	readonly name: string;
	/** SHT_* */
	readonly type: number;
	/** SHF_* bits */
	readonly flags: number;
	readonly address: number;
	readonly align: number;
	readonly entsize: number;
	/** Bytes in memory; equals `data.length` except for SHT_NOBITS, whose `data` is empty. */
	readonly size: number;
	readonly data: Uint8Array;
	/** From the SHT_RELA (SHT_REL, SHT_CREL) section that applies to this one. */
	readonly relocations: Relocations | undefined;
	readonly link: number;
	readonly info: number;
	/** Where the bytes lie in the file it was read from; 0 for one built in memory. */
	readonly fileOffset: number;
}

/** A program header of type PT_LOAD. */
export interface Segment {
	readonly address: number;
	readonly memorySize: number;
	readonly data: Uint8Array;
	readonly readable: boolean;
	readonly writable: boolean;
	readonly executable: boolean;
	readonly align: number;
	readonly fileOffset: number;
}

/** An ELF file in memory: a relocatable object, an executable or a shared object. It is never changed. */
export interface ElfObject {
	/** The file's name, for messages. */
	readonly name: string;
	/** ET_* */
	readonly type: number;
	/** e_machine */
	readonly machine: number;
	readonly flags: number;
	/** EI_OSABI; 0 (System V) if not given. */
	readonly osAbi?: number;
	readonly entry: number;
	/** Index 0 is the null section. Indices are those of the file it was read from. The writer makes the contents of the
	 * symbol, string and relocation sections itself, in place where the list has them and at the end where not. */
	readonly sections: readonly Section[];
	readonly symbols: Symbols;
	readonly segments: readonly Segment[];
}

/** Section 0 of every object. */
export function nullSection(): Section {
	return {
		name: "",
		type: SHT_NULL,
		flags: 0,
		address: 0,
		align: 0,
		entsize: 0,
		size: 0,
		data: new Uint8Array(0),
		relocations: undefined,
		link: 0,
		info: 0,
		fileOffset: 0,
	};
}

/** What relocations' offsets and symbols' values in a section count from: its address in a linked file. In a relocatable
 * file they count from the section's first byte, even where a linker script gave it an address. */
export function originOf({ type }: Pick<ElfObject, "type">, { address }: Pick<Section, "address">): number {
	return type === ET_REL ? 0 : address;
}

/** Whether sh_offset and sh_size mean a range of the file. */
export function hasFileBytes(section: { readonly type: number }): boolean {
	return section.type !== SHT_NOBITS && section.type !== SHT_NULL;
}

/** The section whose relocations a section holds as columns of symbols in table `symtab`, or 0. Those of the dynamic
 * linker are loaded, and stay bytes. */
export function relocationTarget(
	{ type, flags, link, info }: Pick<Section, "type" | "flags" | "link" | "info">,
	symtab: number,
): number {
	return (type === SHT_RELA || type === SHT_REL || type === SHT_CREL) && (flags & SHF_ALLOC) === 0 && link === symtab
		? info
		: 0;
}
