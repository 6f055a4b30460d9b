// The detection page: one comment, or many. Nothing of it is kept in the browser either.
import { detectMany } from "./detect-many.js";
import { detectOne } from "./detect-one.js";
import { words } from "./rest.js";

const one = detectOne(words("detect-words"));
detectMany(words("detect-words"), words("detect-limits"), one.look);
