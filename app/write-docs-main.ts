/** `npm run docs`: writes the pages that code makes. `test/docs.test.ts` fails while they differ. */
import { writeTextFile } from '../adapters/system/text-file.ts'
import { ruleFileSchema } from '../model/rule-form.ts'
import { rulesMarkdown } from '../model/rule-page.ts'
import { configMarkdown, envExample } from '../runtime/config.ts'
import { metricsMarkdown } from '../runtime/metrics.ts'
import { loadRuleSet } from './rules-file.ts'

const pages: [path: string, text: string][] = [
  ['docs/reference/config.md', configMarkdown()],
  ['.env.example', envExample()],
  ['docs/reference/metrics.md', metricsMarkdown()],
  ['docs/reference/rules.md', rulesMarkdown(loadRuleSet(''))],
  ['schemas/rules.schema.json', ruleFileSchema()],
]
for (const [path, text] of pages) writeTextFile(path, text)
