/** MQTT topic filters [MQTT-4.7]: `+` is one level, `#` all that follow and the parent; `$...` topics match no leading wildcard. */

export const filterMatches = (filter: string, topic: string): boolean => {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false // [MQTT-4.7.2-1]
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true
    if (i >= levels.length) return false
    if (wanted[i] !== '+' && wanted[i] !== levels[i]) return false
  }
  return wanted.length === levels.length
}

type Node<T> = { next: Map<string, Node<T>>; here: Map<string, T> }

export type FilterIndex<T> = {
  /** `owner` has at most one value per filter; a second `set` replaces it. */
  set: (filter: string, owner: string, value: T) => void
  remove: (filter: string, owner: string) => void
  /** Values of all filters that match, in no particular order. */
  match: (topic: string) => T[]
  size: () => number
}

/** Tree over filter levels: a match costs the topic's levels, not the number of filters. */
export const createFilterIndex = <T>(): FilterIndex<T> => {
  const root: Node<T> = { next: new Map(), here: new Map() }
  let count = 0

  const collect = (node: Node<T>, levels: string[], at: number, found: T[]): void => {
    const rest = node.next.get('#')
    if (rest && !(at === 0 && levels[0]?.startsWith('$'))) found.push(...rest.here.values())
    const level = levels[at]
    if (level === undefined) {
      found.push(...node.here.values())
      return
    }
    const exact = node.next.get(level)
    if (exact) collect(exact, levels, at + 1, found)
    const any = node.next.get('+')
    if (any && !(at === 0 && level.startsWith('$'))) collect(any, levels, at + 1, found)
  }

  return {
    set: (filter, owner, value) => {
      let node = root
      for (const level of filter.split('/')) {
        let next = node.next.get(level)
        if (!next) {
          next = { next: new Map(), here: new Map() }
          node.next.set(level, next)
        }
        node = next
      }
      if (!node.here.has(owner)) count++
      node.here.set(owner, value)
    },
    remove: (filter, owner) => {
      const path: [Node<T>, string][] = []
      let node = root
      for (const level of filter.split('/')) {
        const next = node.next.get(level)
        if (!next) return
        path.push([node, level])
        node = next
      }
      if (!node.here.delete(owner)) return
      count--
      for (const [parent, level] of path.reverse()) {
        const child = parent.next.get(level)
        if (!child || child.here.size > 0 || child.next.size > 0) return
        parent.next.delete(level)
      }
    },
    match: (topic) => {
      if (count === 0) return []
      const found: T[] = []
      collect(root, topic.split('/'), 0, found)
      return found
    },
    size: () => count,
  }
}
