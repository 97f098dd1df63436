/** The folder of everything that is kept here: its lock, and the admin token in it. */
import { lockDataDir } from '../../adapters/lmdb/data-dir-lock.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { adminToken } from '../admin-token.ts'
import type { Composition } from '../composition.ts'
import { refuseUnfinishedRestore } from '../restore-unfinished.ts'

export const dataFolder = ({ config, clock, made }: Composition): Part => ({
  name: 'data folder',
  start: async () => {
    await refuseUnfinishedRestore(config.DATA_DIR)
    const unlock = lockDataDir(config.DATA_DIR, clock.nowMs())
    made.token = adminToken(config)
    return async () => unlock()
  },
})
