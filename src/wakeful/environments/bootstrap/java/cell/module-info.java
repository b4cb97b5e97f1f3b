/** A module of its own, so that what it must see of the JDK is open to it alone and not to functions. */
module wakeful.cell {}
