// The number of the toy machine, apart from what it runs: files are told apart by it before anything else is loaded.

/** `e_machine` of toy objects: unassigned in the ELF registry. */
export const EM_TOY = 0x7062;
