/** Files of the project that the program reads at start: the topic mapping and the Avro schemas. */
import { parse as parseYaml } from 'yaml'
import { readTextFile } from '../adapters/system/text-file.ts'
import { createTopicMap, type TopicMap } from '../ingest/domain/topic-map.ts'
import { AppError } from '../runtime/errors.ts'
import { schemaIds } from '../schemas/topics.ts'

const shippedTopics = new URL('../topics.yaml', import.meta.url).pathname

/** Throws TOPICS_INVALID with every error of the file and its place. */
export const loadTopicMap = (configured: string): TopicMap => {
  const path = configured === '' ? shippedTopics : configured
  let parsed: unknown
  try {
    parsed = parseYaml(readTextFile(path))
  } catch (cause) {
    throw new AppError('TOPICS_INVALID', `${path}: expected YAML, ${(cause as Error).message}`, { cause })
  }
  const map = createTopicMap(parsed)
  if (!map.ok) throw new AppError('TOPICS_INVALID', `${path}: ${map.reason}`)
  return map.value
}

/** Schema text by its id in the Confluent frame, as `GET /schemas/ids/{id}` answers it. */
export const loadSchemaTexts = (): ReadonlyMap<number, string> =>
  new Map(
    Object.entries(schemaIds).map(([name, id]) => [id, readTextFile(new URL(`../schemas/avro/${name}.avsc`, import.meta.url).pathname)]),
  )
