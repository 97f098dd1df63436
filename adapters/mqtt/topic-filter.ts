/** MQTT topic filters [MQTT-4.7]: `+` is one level, `#` all that follow and the parent; `$...` topics match no leading wildcard. */
import { FewMap } from './few-map.ts'

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

type Node<T, Owner> = { next: FewMap<string, Node<T, Owner>> | null; here: FewMap<Owner, T> | null }

export type FilterIndex<T, Owner = string> = {
  /** `owner` has at most one value per filter; a second `set` replaces it. */
  set: (filter: string, owner: Owner, value: T) => void
  remove: (filter: string, owner: Owner) => void
  /** Values of all filters that match, in no particular order. */
  match: (topic: string) => T[]
  size: () => number
}

/** Tree over filter levels: a match costs the topic's levels, not the number of filters. */
export const createFilterIndex = <T, Owner = string>(): FilterIndex<T, Owner> => {
  const root: Node<T, Owner> = { next: null, here: null }
  let count = 0

  const take = (node: Node<T, Owner>, found: T[]): void => node.here?.forEach((value) => found.push(value))

  const collect = (node: Node<T, Owner>, levels: string[], at: number, found: T[]): void => {
    const rest = node.next?.get('#')
    if (rest && !(at === 0 && levels[0]?.startsWith('$'))) take(rest, found)
    const level = levels[at]
    if (level === undefined) {
      take(node, found)
      return
    }
    const exact = node.next?.get(level)
    if (exact) collect(exact, levels, at + 1, found)
    const any = node.next?.get('+')
    if (any && !(at === 0 && level.startsWith('$'))) collect(any, levels, at + 1, found)
  }

  return {
    set: (filter, owner, value) => {
      let node = root
      for (const level of filter.split('/')) {
        node.next ??= new FewMap()
        let next = node.next.get(level)
        if (!next) {
          next = { next: null, here: null }
          node.next.set(level, next)
        }
        node = next
      }
      node.here ??= new FewMap()
      if (node.here.set(owner, value)) count++
    },
    remove: (filter, owner) => {
      const path: [Node<T, Owner>, string][] = []
      let node = root
      for (const level of filter.split('/')) {
        const next = node.next?.get(level)
        if (!next) return
        path.push([node, level])
        node = next
      }
      if (node.here?.delete(owner) !== true) return
      if (node.here.isEmpty) node.here = null
      count--
      for (const [parent, level] of path.reverse()) {
        const child = parent.next?.get(level)
        if (!child || child.here !== null || child.next !== null) return
        parent.next?.delete(level)
        if (parent.next?.isEmpty) parent.next = null
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
