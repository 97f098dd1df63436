/** MACs come as `00-11-22-33-44-55`, `00:11:22:33:44:55`, `0011.2233.4455`, `001122334455`, in either case: one device. */

const separated = /^[0-9a-f]{2}([-:])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/
const dotted = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/
const bare = /^[0-9a-f]{12}$/

/** Canonical `00-11-22-33-44-55`, or null when the text is no MAC. */
export const parseMac = (text: string): string | null => {
  if (text.length < 12 || text.length > 17) return null
  const lower = text.toLowerCase()
  if (!separated.test(lower) && !dotted.test(lower) && !bare.test(lower)) return null
  const hex = lower.replace(/[-:.]/g, '')
  return `${hex.slice(0, 2)}-${hex.slice(2, 4)}-${hex.slice(4, 6)}-${hex.slice(6, 8)}-${hex.slice(8, 10)}-${hex.slice(10)}`
}
