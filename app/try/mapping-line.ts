/** For a topic shape that no family matched: the line of topics.yaml that would take it in, as a proposal to read and change. */

/**
 * `+` stands where an identity was. The first one becomes the device, others the model and the product in front of it; what
 * follows is the metric. Null for a shape without any: nothing tells whose message it is.
 */
export const mappingLine = (shape: string): string | null => {
  const levels = shape.split('/')
  const at = levels.lastIndexOf('+')
  if (at < 0 || levels.includes('#')) return null
  const before = levels.slice(0, at).map((level) => (level === '+' ? '{model}' : level))
  const name = (before.find((level) => level !== '{model}') ?? 'own').replace(/[^A-Za-z0-9-]/g, '-').toLowerCase()
  const isLast = at === levels.length - 1
  const pattern = [...before, '{device}', ...(isLast ? [] : ['{metric+}'])].join('/')
  const metric = isLast ? ', metric: value' : ''
  return `- { name: ${name}, pattern: "${pattern}", subject: device, category: ${name}${metric} }`
}
