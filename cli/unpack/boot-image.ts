// Boot images that hold a compressed kernel: `bzImage` of x86, and the EFI application (`vmlinuz.efi`, CONFIG_EFI_ZBOOT) of
// other machines. Their headers say where it is.

import { viewOf } from "../../linker/elf/words.ts";
import { LinkError } from "../../linker/errors.ts";

/** Offsets in the setup header of x86, which Documentation/arch/x86/boot.rst in Linux describes. */
const x86 = { sectors: 0x1f1, magic: 0x202, version: 0x206, payload: 0x248, length: 0x24c, end: 0x250 } as const;
/** The first version of the boot protocol whose header says where the kernel is. */
const WITH_PAYLOAD = 0x208;
const SECTOR = 512;
/** In the header of EFI applications. */
const efi = { magic: 4, payload: 8, length: 12, end: 16 } as const;

const textAt = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
const isX86 = (bytes: Uint8Array): boolean => textAt(bytes, x86.magic) === "HdrS" && bytes.length >= x86.end;
const isEfi = (bytes: Uint8Array): boolean => textAt(bytes, efi.magic) === "zimg" && bytes.length >= efi.end;

/** Whether a file that begins like this holds a compressed kernel. */
export function isBootImage(start: Uint8Array): boolean {
	return isX86(start) || isEfi(start);
}

/** The compressed kernel in a boot image. Behind it may be four bytes, its length.
 * @throws LinkError where the header does not say where it is, or says what is outside of the file */
export function bootPayload(file: string, bytes: Uint8Array): Uint8Array {
	const view = viewOf(bytes);
	const { at, length } = isX86(bytes)
		? x86Payload(file, view)
		: { at: view.getUint32(efi.payload, true), length: view.getUint32(efi.length, true) };
	if (length === 0 || at + length > bytes.length)
		throw new LinkError(
			`${file}: is a boot image that says its kernel is ${length} bytes at ${at}, of ${bytes.length}; is it cut off?`,
		);
	return bytes.subarray(at, at + length);
}

function x86Payload(file: string, view: DataView): { at: number; length: number } {
	const version = view.getUint16(x86.version, true);
	if (version < WITH_PAYLOAD)
		throw new LinkError(
			`${file}: is a boot image of protocol ${version >> 8}.${version & 0xff}, which does not say where its kernel is`,
		);
	// Zero stands for four.
	const setup = (view.getUint8(x86.sectors) || 4) + 1;
	return { at: setup * SECTOR + view.getUint32(x86.payload, true), length: view.getUint32(x86.length, true) };
}
