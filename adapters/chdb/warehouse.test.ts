import { warehouseContract } from '../warehouse.contract.ts'
import { startForTest } from './start-for-test.ts'

warehouseContract('embedded', () => startForTest())
