// Why the kernel does not let one process look into another, or write there: which right, setting or namespace is in the way.

import { statSync } from "node:fs";
import { type Process, readIfThere, statusField } from "./process.ts";

/** The bit of CAP_SYS_PTRACE in a set of capabilities. */
const SYS_PTRACE = 19n;

/** Why its memory cannot be opened. @param code of the error, as EACCES */
export function whyClosed(process: Process, code: string): string {
	const { pid } = process;
	if (code === "ENOENT") return "has ended";
	if (statusField(pid, "VmSize") === "") return "is a thread of the kernel, which has no memory of its own";
	if (code !== "EACCES" && code !== "EPERM") return `its memory cannot be opened: ${code}`;
	return (
		otherUser(pid) ??
		notDumpable(pid) ??
		yama() ??
		moreCapabilities(pid) ??
		"its memory cannot be opened, although user, capabilities and Yama allow it: it is in another user namespace, or a security module (SELinux, AppArmor) or a seccomp filter forbids it"
	);
}

/** Why text that is mapped privately cannot be written. */
export function whyReadOnly(code: string): string {
	const option = /proc_mem\.force_override=(\S+)/.exec(readIfThere("/proc/cmdline") ?? "")?.[1];
	const setting =
		option === undefined
			? "the kernel was built so that /proc/PID/mem does not override page rights (CONFIG_PROC_MEM_ALWAYS_FORCE is off); boot with proc_mem.force_override=always"
			: `the kernel was booted with proc_mem.force_override=${option}; it has to be 'always'`;
	return `its text cannot be written (${code}): ${setting}`;
}

function otherUser(pid: number): string | undefined {
	const theirs = new Set(statusField(pid, "Uid").split(/\s+/).slice(0, 3));
	const ours = statusField("self", "Uid").split(/\s+/)[0]!;
	if (hasPtrace() || (theirs.size === 1 && theirs.has(ours))) return undefined;
	return `belongs to user ${[...theirs].join(", ")} and you are ${ours}: be that user, or have CAP_SYS_PTRACE`;
}

/** The files of such a process in /proc belong to root. */
function notDumpable(pid: number): string | undefined {
	const user = Number(statusField(pid, "Uid").split(/\s+/)[1]);
	if (hasPtrace() || user === 0 || statSync(`/proc/${pid}/mem`).uid === user) return undefined;
	return "is not dumpable: it called prctl(PR_SET_DUMPABLE, 0), changed its user, or its program file may not be read; have CAP_SYS_PTRACE, or let it call prctl(PR_SET_DUMPABLE, 1)";
}

function yama(): string | undefined {
	const scope = readIfThere("/proc/sys/kernel/yama/ptrace_scope")?.trim();
	if (scope === "3") return "Yama forbids it to everybody (kernel.yama.ptrace_scope is 3, until the next boot)";
	if (hasPtrace()) return undefined;
	if (scope === "2") return "Yama asks for CAP_SYS_PTRACE (kernel.yama.ptrace_scope is 2)";
	if (scope !== "1") return undefined;
	return "Yama lets only its ancestors (kernel.yama.ptrace_scope is 1): start it with `patchbay run --native`, let it call prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY), have CAP_SYS_PTRACE, or set ptrace_scope to 0";
}

function moreCapabilities(pid: number): string | undefined {
	const theirs = capabilities(pid, "CapPrm");
	const ours = capabilities("self", "CapPrm");
	if (hasPtrace() || (theirs & ~ours) === 0n) return undefined;
	return "has capabilities that you have not: have CAP_SYS_PTRACE";
}

function hasPtrace(): boolean {
	return ((capabilities("self", "CapEff") >> SYS_PTRACE) & 1n) === 1n;
}

function capabilities(of: number | "self", set: string): bigint {
	return BigInt(`0x${statusField(of, set) || "0"}`);
}
