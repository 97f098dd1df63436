/**
 * Values by topic, found by filter: a tree over topic levels. What a filter finds costs its levels and what it finds, not the
 * number of topics: a fleet that comes back subscribes twenty thousand times, beside as many retained messages.
 */
import { FewMap } from './few-map.ts'

type Node<T> = { value: T | undefined; next: FewMap<string, Node<T>> | null }

export type TopicIndex<T> = {
  get: (topic: string) => T | undefined
  set: (topic: string, value: T) => void
  remove: (topic: string) => void
  /** Values of all topics that match [MQTT-4.7], in no particular order. */
  match: (filter: string) => T[]
  size: () => number
}

export const createTopicIndex = <T extends object>(): TopicIndex<T> => {
  const root: Node<T> = { value: undefined, next: null }
  let count = 0

  const nodeOf = (topic: string): Node<T> | undefined => {
    let node: Node<T> | undefined = root
    for (const level of topic.split('/')) {
      node = node.next?.get(level)
      if (!node) return undefined
    }
    return node
  }

  return {
    get: (topic) => nodeOf(topic)?.value,

    set: (topic, value) => {
      let node = root
      for (const level of topic.split('/')) {
        node.next ??= new FewMap()
        let next = node.next.get(level)
        if (!next) {
          next = { value: undefined, next: null }
          node.next.set(level, next)
        }
        node = next
      }
      if (node.value === undefined) count++
      node.value = value
    },

    remove: (topic) => {
      const path: [Node<T>, string][] = []
      let node = root
      for (const level of topic.split('/')) {
        const next = node.next?.get(level)
        if (!next) return
        path.push([node, level])
        node = next
      }
      if (node.value === undefined) return
      node.value = undefined
      count--
      for (const [parent, level] of path.reverse()) {
        const child = parent.next?.get(level)
        if (!child || child.value !== undefined || child.next !== null) return
        parent.next?.delete(level)
        if (parent.next?.isEmpty) parent.next = null
      }
    },

    match: (filter) => {
      const found: T[] = []
      collect(root, filter.split('/'), 0, found)
      return found
    },

    size: () => count,
  }
}

const collect = <T>(node: Node<T>, levels: readonly string[], at: number, found: T[]): void => {
  const level = levels[at]
  if (level === '#') collectAll(node, at === 0, found)
  else if (level === '+') {
    node.next?.forEach((child, name) => {
      if (at > 0 || !name.startsWith('$')) collect(child, levels, at + 1, found)
    })
  } else if (level !== undefined) {
    const child = node.next?.get(level)
    if (child) collect(child, levels, at + 1, found)
  } else if (node.value !== undefined) found.push(node.value)
}

/** `#` holds the parent too; a leading one no `$...` topics [MQTT-4.7.2-1]. */
const collectAll = <T>(node: Node<T>, leading: boolean, found: T[]): void => {
  if (node.value !== undefined) found.push(node.value)
  node.next?.forEach((child, name) => {
    if (!leading || !name.startsWith('$')) collectAll(child, false, found)
  })
}
