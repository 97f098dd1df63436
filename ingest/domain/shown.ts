/**
 * A piece of a payload for the detail of a refusal. Details stand in clear in the table of dead letters, the payload itself is
 * sealed: long digit runs (IMEI, IMSI, ICCID, positions) are left out.
 */
const shownCharsMax = 60

export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value.slice(0, 4 * shownCharsMax) : (JSON.stringify(value) as string | undefined)
  return (text ?? 'nothing')
    .replace(/\d{5,}/g, '#')
    .slice(0, shownCharsMax)
    .toWellFormed()
}
