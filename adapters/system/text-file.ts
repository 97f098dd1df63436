/** Small text files: configuration, topic map, schemas, generated docs. */
import { readFileSync, writeFileSync } from 'node:fs'

export const readTextFile = (path: string): string => readFileSync(path, 'utf8')
export const writeTextFile = (path: string, text: string): void => writeFileSync(path, text)
