// Names of the features of processors that alternatives of Linux ask for. On x86-64 a number is 32 times a word of feature bits
// and a bit in it; most words are CPUID's, so their bits stay, and those of Linux's own words were given to others now and
// then. AArch64 numbers capabilities anew in each version. So a kernel's own header is what names them for certain.

import { EM_AARCH64, EM_X86_64 } from "../elf/object.ts";

/** What a feature's number is called. */
export type FeatureNames = (feature: number) => string;

/** By word, bit after bit, `-` for none. Where Linux 6.1 and 6.12 differ, both names. */
const x86Words: readonly string[] = [
	"FPU VME DE PSE TSC MSR PAE MCE CX8 APIC - SEP MTRR PGE MCA CMOV PAT PSE36 PN CLFLUSH - DS ACPI MMX FXSR XMM XMM2 SELFSNOOP HT ACC IA64 PBE",
	"- - - - - - - - - - - SYSCALL - - - - - - - MP NX - MMXEXT - - FXSR_OPT GBPAGES RDTSCP - LM 3DNOWEXT 3DNOW",
	"RECOVERY LONGRUN - LRTI",
	"CXMMX K6_MTRR CYRIX_ARR CENTAUR_MCR K8 ZEN5 P3 P4 CONSTANT_TSC UP ART ARCH_PERFMON PEBS BTS SYSCALL32 SYSENTER32 REP_GOOD AMD_LBR_V2 LFENCE_RDTSC/CLEAR_CPU_BUF ACC_POWER NOPL ALWAYS XTOPOLOGY TSC_RELIABLE NONSTOP_TSC CPUID EXTD_APICID AMD_DCM APERFMPERF RAPL NONSTOP_TSC_S3 TSC_KNOWN_FREQ",
	"XMM3 PCLMULQDQ DTES64 MWAIT DSCPL VMX SMX EST TM2 SSSE3 CID SDBG FMA CX16 XTPR PDCM - PCID DCA XMM4_1 XMM4_2 X2APIC MOVBE POPCNT TSC_DEADLINE_TIMER AES XSAVE OSXSAVE AVX F16C RDRAND HYPERVISOR",
	"- - XSTORE XSTORE_EN - - XCRYPT XCRYPT_EN ACE2 ACE2_EN PHE PHE_EN PMM PMM_EN",
	"LAHF_LM CMP_LEGACY SVM EXTAPIC CR8_LEGACY ABM SSE4A MISALIGNSSE 3DNOWPREFETCH OSVW IBS XOP SKINIT WDT - LWP FMA4 TCE - NODEID_MSR - TBM TOPOEXT PERFCTR_CORE PERFCTR_NB - BPEXT PTSC PERFCTR_LLC MWAITX",
	"RING3MWAIT CPUID_FAULT CPB EPB CAT_L3 CAT_L2 CDP_L3 INVPCID_SINGLE/TDX_HOST_PLATFORM HW_PSTATE PROC_FEEDBACK XCOMPACTED PTI KERNEL_IBRS RSB_VMEXIT INTEL_PPIN CDP_L2 MSR_SPEC_CTRL SSBD MBA RSB_CTXSW PERFMON_V2 USE_IBPB USE_IBRS_FW SPEC_STORE_BYPASS_DISABLE LS_CFG_SSBD IBRS IBPB STIBP ZEN L1TF_PTEINV IBRS_ENHANCED MSR_IA32_FEAT_CTL",
	"TPR_SHADOW VNMI/FLEXPRIORITY FLEXPRIORITY/EPT EPT/VPID VPID/COHERENCY_SFW_NO COHERENCY_SFW_NO - - - - - - - - - VMMCALL XENPV EPT_AD VMCALL VMW_VMMCALL PVUNLOCK VCPUPREEMPT TDX_GUEST",
	"FSGSBASE TSC_ADJUST SGX BMI1 HLE AVX2 FDP_EXCPTN_ONLY SMEP BMI2 ERMS INVPCID RTM CQM ZERO_FCS_FDS MPX RDT_A AVX512F AVX512DQ RDSEED ADX SMAP AVX512IFMA - CLFLUSHOPT CLWB INTEL_PT AVX512PF AVX512ER AVX512CD SHA_NI AVX512BW AVX512VL",
	"XSAVEOPT XSAVEC XGETBV1 XSAVES XFD",
	"CQM_LLC CQM_OCCUP_LLC CQM_MBM_TOTAL CQM_MBM_LOCAL FENCE_SWAPGS_USER FENCE_SWAPGS_KERNEL SPLIT_LOCK_DETECT PER_THREAD_MBA SGX1 SGX2 ENTRY_IBPB RRSBA_CTRL RETPOLINE RETPOLINE_LFENCE RETHUNK UNRET USE_IBPB_FW RSB_VMEXIT_LITE CLEAR_CPU_BUF/SGX_EDECCSSA CALL_DEPTH MSR_TSX_CTRL SMBA BMEC USER_SHSTK SRSO SRSO_ALIAS IBPB_ON_VMEXIT APIC_MSRS_FENCE ZEN2 ZEN3 ZEN4 ZEN1",
	"- - - - AVX_VNNI AVX512_BF16 - CMPCCXADD ARCH_PERFMON_EXT - FZRM FSRS FSRC - - - - FRED LKGS WRMSRNS - AMX_FP16 - AVX_IFMA - - LAM",
	"CLZERO IRPERF XSAVEERPTR - RDPRU - - - - WBNOINVD - - AMD_IBPB - AMD_IBRS AMD_STIBP - AMD_STIBP_ALWAYS_ON - - - - - AMD_PPIN AMD_SSBD VIRT_SSBD AMD_SSB_NO CPPC AMD_PSFD BTC_NO AMD_IBPB_RET BRS",
	"DTHERM IDA ARAT - PLN - PTS HWP HWP_NOTIFY HWP_ACT_WINDOW HWP_EPP HWP_PKG_REQ - - - HWP_HIGHEST_PERF_CHANGE - - - HFI",
	"NPT LBRV SVML NRIPS TSCRATEMSR VMCBCLEAN FLUSHBYASID DECODEASSISTS - - PAUSEFILTER - PFTHRESHOLD AVIC - V_VMSAVE_VMLOAD VGIF - X2AVIC - V_SPEC_CTRL - - - - VNMI - - SVME_ADDR_CHK",
	"- AVX512VBMI UMIP PKU OSPKE WAITPKG AVX512_VBMI2 SHSTK GFNI VAES VPCLMULQDQ AVX512_VNNI AVX512_BITALG TME AVX512_VPOPCNTDQ - LA57 - - - - - RDPID - BUS_LOCK_DETECT CLDEMOTE - MOVDIRI MOVDIR64B ENQCMD SGX_LC",
	"OVERFLOW_RECOV SUCCOR - SMCA",
	"- - AVX512_4VNNIW AVX512_4FMAPS FSRM - - - AVX512_VP2INTERSECT SRBDS_CTRL MD_CLEAR RTM_ALWAYS_ABORT - TSX_FORCE_ABORT SERIALIZE HYBRID_CPU TSXLDTRK - PCONFIG ARCH_LBR IBT - AMX_BF16 AVX512_FP16 AMX_TILE AMX_INT8 SPEC_CTRL INTEL_STIBP FLUSH_L1D ARCH_CAPABILITIES CORE_CAPABILITIES SPEC_CTRL_SSBD",
	"SME SEV VM_PAGE_FLUSH SEV_ES SEV_SNP - - - - V_TSC_AUX SME_COHERENT - - - DEBUG_SWAP - - - - - - - - - - - - - SVSM - HV_INUSE_WR_ALLOWED",
	"NO_NESTED_DATA_BP WRMSR_XX_BASE_NS LFENCE_RDTSC - - VERW_CLEAR NULL_SEL_CLR_BASE - AUTOIBRS NO_SMM_CTL_MSR - - - - - - - - - - - - - - - - - SBPB IBPB_BRTYPE SRSO_NO SRSO_USER_KERNEL_NO SRSO_BP_SPEC_REDUCE",
	"AMD_LBR_PMC_FREEZE CLEAR_BHB_LOOP BHI_CTRL CLEAR_BHB_HW CLEAR_BHB_LOOP_ON_VMEXIT INDIRECT_THUNK_ITS/FAST_CPPC INDIRECT_THUNK_ITS - - - - TSA_SQ_NO TSA_L1_NO CLEAR_CPU_BUF_VM IBPB_EXIT_TO_USER - - TSA_FILL_NO",
];
/** Bits behind those words say what is wrong with a processor. */
const x86Bugs =
	"F00F FDIV COMA AMD_TLB_MMATCH AMD_APIC_C1E 11AP FXSAVE_LEAK CLFLUSH_MONITOR SYSRET_SS_ATTRS ESPFIX NULL_SEG SWAPGS_FENCE MONITOR AMD_E400 CPU_MELTDOWN SPECTRE_V1 SPECTRE_V2 SPEC_STORE_BYPASS L1TF MDS MSBDS_ONLY SWAPGS TAA ITLB_MULTIHIT SRBDS MMIO_STALE_DATA MMIO_UNKNOWN RETBLEED EIBRS_PBRSB SMT_RSB GDS TDX_PW_MCE SRSO DIV0 RFDS BHI IBPB_NO_RET ITS ITS_NATIVE_ONLY - - TSA VMSCAPE";

const x86Names = new Map<number, string>();
for (const [word, bits] of x86Words.entries())
	for (const [bit, name] of bits.split(" ").entries())
		if (name !== "-" && name !== "") x86Names.set(word * 32 + bit, name.replaceAll("/", " or "));
for (const [bit, name] of x86Bugs.split(" ").entries())
	if (name !== "-") x86Names.set(x86Words.length * 32 + bit, `bug ${name}`);

/** @param header names from the kernel's own header, as `readFeatures` has them */
export function featureNames(machine: number, header: ReadonlyMap<number, string> | undefined): FeatureNames {
	if (header !== undefined) return (feature) => header.get(feature) ?? `feature ${feature}`;
	if (machine === EM_X86_64) return (feature) => x86Names.get(feature) ?? `feature ${feature >> 5}*32+${feature & 31}`;
	return (feature) => `${machine === EM_AARCH64 ? "capability" : "feature"} ${feature}`;
}

/** The names in <asm/cpufeatures.h> of x86 or the generated <asm/cpucaps.h> (<asm/cpucap-defs.h>) of arm64, by number. Empty for
 * another text. */
export function readFeatures(header: string): Map<number, string> {
	const names = new Map<number, string>();
	const words = /^#define\s+NCAPINTS\s+(\d+)/m.exec(header)?.[1];
	for (const [, kind, name, text] of header.matchAll(
		/^#define\s+(X86_FEATURE|X86_BUG|ARM64)_(\w+)\s+(\S.*?)\s*(?:\/\*.*)?$/gm,
	)) {
		const value = numberIn(text!);
		if (value === undefined) continue;
		const feature = kind === "X86_BUG" ? value + 32 * Number(words ?? x86Words.length) : value;
		if (!names.has(feature)) names.set(feature, kind === "X86_BUG" ? `bug ${name}` : name!);
	}
	return names;
}

/** `( 3*32+ 7)`, `X86_BUG(3)`, `X86_BUG(1*32 + 0)` or `12`. */
function numberIn(text: string): number | undefined {
	const inner = /^(?:X86_BUG)?\(([^()]*)\)$/.exec(text)?.[1] ?? text;
	const match = /^(?:(\d+)\s*\*\s*(\d+)\s*\+\s*)?(\d+)$/.exec(inner.trim());
	if (match === null) return undefined;
	return Number(match[1] ?? 0) * Number(match[2] ?? 0) + Number(match[3]);
}
