/** Small text files that are read at start: configuration, topic map, schemas. */
import { readFileSync } from 'node:fs'

export const readTextFile = (path: string): string => readFileSync(path, 'utf8')
