/**
 * Java servers of the real-server lane from their Maven artifacts: copied once into a folder outside the project
 * (`FLEET_REAL_CACHE`, default `~/.cache/fleet-recorder`), taken from there afterwards. What is missing is said by name.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cacheFolder = process.env['FLEET_REAL_CACHE'] ?? join(homedir(), '.cache', 'fleet-recorder')

/** Class path of what `<pom>` names; `version` is part of the folder's name, so that a new one is fetched. */
export const mavenJars = (pom: string, version: string): string => {
  const folder = join(cacheFolder, `${pom.replace('.pom.xml', '')}-${version}`)
  if (!existsSync(folder)) fetchJars(pom, folder)
  return join(folder, '*')
}

const fetchJars = (pom: string, folder: string): void => {
  const file = fileURLToPath(new URL(pom, import.meta.url))
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(cacheFolder, { recursive: true })
  try {
    run('mvn', ['-B', '-q', '-f', file, 'dependency:copy-dependencies', `-DoutputDirectory=${unfinished}`])
    renameSync(unfinished, folder) // Only a whole one: a run that was killed leaves no half folder behind.
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true })
    if (existsSync(folder)) return // Another run was first.
    throw new Error(`Expected mvn and a Maven repository to copy the artifacts of ${file}: ${(cause as Error).message}`, { cause })
  }
}

/** Throws with the program's name when it is not there. */
export const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 })
