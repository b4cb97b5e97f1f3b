package library;

/** Lies in a jar beside the function, or in a layer. */
public class Helper {
    public static String name() { return "helper"; }
}
