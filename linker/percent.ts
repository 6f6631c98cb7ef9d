// Shares of a whole as people read them. Every list rounds them here, so that two lists never differ in one number.

/** A share of 1 in percent, rounded to the nearest: `14 %`. What is more than nothing is never written as nothing, and what
 * lacks something never as all: `<1 %`, `>99 %`.
 * @param share 0 or more; above 1 it is a multiple @param decimals digits behind the point */
export function percent(share: number, decimals = 0): string {
	const least = 1 / 10 ** decimals;
	const text = (share * 100).toFixed(decimals);
	if (share > 0 && Number(text) === 0) return `<${least.toFixed(decimals)} %`;
	if (share < 1 && Number(text) === 100) return `>${(100 - least).toFixed(decimals)} %`;
	return `${text} %`;
}
